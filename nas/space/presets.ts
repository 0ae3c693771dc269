import type { ArchitectureInput } from "../../engine/architecture.ts";
import { ConfigError } from "../../engine/errors.ts";
import type { Activation } from "../../engine/ops/activation.ts";
import {
  boolean,
  choice,
  group,
  integer,
  oneOf,
  repeat,
  type Fields,
  type Parameter,
  type ValueOf,
  type ValuesOf,
} from "./parameter.ts";
import { defineSpace, type Space } from "./space.ts";

/**
 * Spaces of Djajapermana, Reiber, Mueller-Gritschneder and Schlichtmann, "Hybrid Convolution and Vision Transformer
 * NAS Search Space for TinyML Image Classification" (2024; arXiv 2511.02992), with the ranges of their published code.
 */
type BlockInput = ArchitectureInput["blocks"][number];

const kernel = choice(3, 5, 7, 9);
const stride = choice(1, 2);
const poolKind = choice("max", "average", "mix");
const stemChannels = integer(16, 32, { step: 4 });
const bodyChannels = integer(16, 64, { step: 4 });

function convPattern(largestRatio: number) {
  const ratio = integer(1, largestRatio);
  return oneOf({ conv: {}, residual: {}, bottleneck: { ratio }, invertedBottleneck: { ratio } });
}

function convBlock(
  pattern: ValueOf<ReturnType<typeof convPattern>>,
  sizes: { channels: number; kernel: number; stride: number; activation?: Activation },
): BlockInput {
  const { kind, ...own } = pattern;
  return { type: kind, ...sizes, ...own };
}

export type BodyPattern = "cnn-vit" | "pool-vit" | "vit";

export interface HybridOptions {
  readonly name?: string;
  /** What a body pattern may be. `vit` alone has neither kernel nor stride. Default: CNN-ViT and Pool-ViT. */
  readonly patterns?: readonly BodyPattern[];
  /** A pooling block after the stem. Default true. */
  readonly stemPool?: boolean;
  /** Batch norm with trained scale and shift. The paper's has none. Default false. */
  readonly affine?: boolean;
  /** Norm inside the attention blocks. Default batch, as in the paper. */
  readonly attentionNorm?: "batch" | "layer";
  /** What a body pattern may attend by. Default softmax, as in the paper. */
  readonly attentions?: readonly Attention[];
  /** What may stand in place of every ReLU of a network. Default ReLU, as in the paper. */
  readonly activations?: readonly Activation[];
}

type Attention = "softmax" | "linear";

/** A parameter where there is something to choose. */
function choiceOf<const K extends string, T extends string>(
  name: K,
  values: readonly T[],
): { readonly [field in K]?: Parameter<T> } {
  return (values.length > 1 ? { [name]: choice(...values) } : {}) as { readonly [field in K]?: Parameter<T> };
}

/** The hybrid space with other settings than the presets'. @throws ConfigError for an empty or unknown pattern list */
export function hybridSpace(options: HybridOptions = {}): Space {
  const { name = "hybrid", stemPool = true, affine = false, attentionNorm = "batch" } = options;
  const { patterns = ["cnn-vit", "pool-vit"], attentions = ["softmax"], activations = ["relu"] } = options;
  for (const [what, values] of Object.entries({ attentions, activations }))
    if (values.length === 0) throw new ConfigError(`space ${name}: ${what} must be one or more, got none`);

  function bodyPattern(index: number) {
    const first = index === 0 ? stride : choice<number>(1);
    const kinds = {
      "cnn-vit": { kernel, stride: first, conv: convPattern(2) },
      "pool-vit": { kernel, stride: first, pool: poolKind },
      vit: {},
    } satisfies Record<BodyPattern, Fields>;
    const allowed = Object.entries(kinds).filter(([kind]) => patterns.some((pattern) => pattern === kind));
    if (allowed.length !== patterns.length || allowed.length === 0)
      throw new ConfigError(
        `space ${name}: patterns must be different ones of cnn-vit, pool-vit, vit; got [${patterns.join(", ")}]`,
      );
    return group({
      channels: bodyChannels,
      embedding: oneOf(Object.fromEntries(allowed) as typeof kinds),
      heads: integer(2, 8, { step: 2 }),
      headDim: integer(16, 64, { step: 16 }),
      feedForward: boolean(),
      ...choiceOf("attention", attentions),
    });
  }

  function bodyBlocks(pattern: ValueOf<ReturnType<typeof bodyPattern>>, style: Style): BlockInput[] {
    const { channels, embedding, heads, headDim, feedForward, attention = attentions[0]! } = pattern;
    const kind = attention === "softmax" ? {} : { attention };
    const vit: BlockInput = {
      type: "vit",
      channels,
      heads,
      headDim,
      feedForward,
      norm: attentionNorm,
      ...kind,
      ...style,
    };
    switch (embedding.kind) {
      case "cnn-vit": {
        const { kernel, stride } = embedding;
        return [convBlock(embedding.conv, { channels, kernel, stride, ...style }), vit];
      }
      case "pool-vit":
        return [{ type: "pool", kind: embedding.pool, kernel: embedding.kernel, stride: embedding.stride }, vit];
      case "vit":
        return [vit];
    }
  }

  const stem = group({ kernel, stride, channels: stemChannels, conv: convPattern(4) });
  const body = repeat({ minimum: 1, maximum: 5 }, repeat({ minimum: 1, maximum: 3 }, bodyPattern));

  const common = { stem, body, ...choiceOf("activation", activations) };

  function build(values: ValuesOf<typeof common>, pool: readonly BlockInput[]) {
    const { conv, ...sizes } = values.stem;
    const { activation = activations[0]! } = values;
    const style: Style = activation === "relu" ? {} : { activation };
    const blocks: BlockInput[] = [
      { type: "convBnRelu", ...sizes, ...style },
      convBlock(conv, { ...sizes, ...style }),
      ...pool,
      ...values.body.map((block) => ({
        ...shortcut(block.flatMap((pattern) => bodyBlocks(pattern, style))),
        ...style,
      })),
      { type: "globalAveragePool" },
      { type: "linear" },
    ];
    return { blocks, affine };
  }

  const description = `stem, ${stemPool ? "pooling, " : ""}1 to 5 blocks of 1 to 3 × ${patterns.join(" or ")}`;
  if (!stemPool)
    return defineSpace({
      name,
      description,
      parameters: group(common),
      build: (genotype) => build(genotype, []),
    });
  return defineSpace({
    name,
    description,
    parameters: group({ stem, pool: group({ kind: poolKind, kernel }), body, ...choiceOf("activation", activations) }),
    build: ({ pool, ...genotype }) => build(genotype, [{ type: "pool", ...pool, stride: 2 }]),
  });
}

/** What all blocks of a network have in common. */
interface Style {
  readonly activation?: Activation;
}

/** Convolutions only: the design that the paper compares with. */
export function resnetSpace({ affine = false }: { affine?: boolean } = {}): Space {
  const convolution = (index: number) =>
    group({ channels: bodyChannels, kernel, stride: index === 0 ? stride : choice<number>(1) });
  return defineSpace({
    name: "resnet",
    description: "stem, 1 to 7 blocks of 1 to 3 convolutions with a shortcut",
    parameters: group({
      stem: group({ kernel: choice(3, 5), stride, channels: stemChannels }),
      body: repeat({ minimum: 1, maximum: 7 }, repeat({ minimum: 1, maximum: 3 }, convolution)),
    }),
    build: ({ stem, body }) => ({
      affine,
      blocks: [
        { type: "convBnRelu", ...stem },
        ...body.map((block) => shortcut(block.map((sizes) => ({ type: "convBnRelu", ...sizes })))),
        { type: "globalAveragePool" },
        { type: "linear" },
      ],
    }),
  });
}

function shortcut(blocks: readonly BlockInput[]): BlockInput {
  return { type: "shortcut", blocks: blocks as Extract<BlockInput, { type: "shortcut" }>["blocks"] };
}

/** The paper's own space: CNN-ViT and Pool-ViT patterns after a pooled stem. */
export const hybrid = hybridSpace();

/** The designs of the paper's comparison, by name, and one with choices that the paper does not have. */
export const presets: Readonly<Record<string, Space>> = {
  resnet: resnetSpace(),
  "cnn-vit": hybridSpace({ name: "cnn-vit", patterns: ["cnn-vit"], stemPool: false }),
  "cnn-vit-pool": hybridSpace({ name: "cnn-vit-pool", patterns: ["cnn-vit"] }),
  hybrid,
  "hybrid-extended": hybridSpace({
    name: "hybrid-extended",
    attentions: ["softmax", "linear"],
    activations: ["relu", "gelu", "hardSwish"],
  }),
};
