import { z } from "zod";
import { ConfigError } from "./errors.ts";
import { activationNames } from "./ops/activation.ts";

const positive = z.int().positive();
const kernel = z.int().positive().max(31);
const stride = z.int().min(1).max(4).default(1);
/** Left out where it is not asked for, so that architectures keep the JSON that they had before there was a choice. */
const activation = z.enum(activationNames).optional().describe("what stands in place of every ReLU of the block");
/** Left out when 1, so that what was written before they existed keeps its hash. */
const dilation = z.int().min(1).max(15).optional().describe("cells from one tap to the next; default 1");
const groups = positive.optional().describe("slices of the channels, convolved each on its own; default 1");
const bottleneckFields = { channels: positive, kernel, stride, ratio: positive.default(1), dilation, activation };

/**
 * The plain building blocks. Every convolution is bias-free and followed by batch norm and ReLU ("cbr") unless said;
 * `activation` puts another in its place.
 */
const plainBlocks = [
  z.strictObject({ type: z.literal("convBnRelu"), channels: positive, kernel, stride, dilation, groups, activation }),
  z.strictObject({ type: z.literal("conv"), ...bottleneckFields, groups }).describe("cbr(k, s) → cbr(1)"),
  z.strictObject({ type: z.literal("residual"), ...bottleneckFields, groups }).describe("conv plus a 1×1 cbr shortcut"),
  z
    .strictObject({ type: z.literal("bottleneck"), ...bottleneckFields })
    .describe("cbr(1) to ⌊input / ratio⌋ → depthwise cbr(k, s) → cbr(1), plus a 1×1 cbr shortcut"),
  z
    .strictObject({ type: z.literal("invertedBottleneck"), ...bottleneckFields })
    .describe("cbr(1) to input · ratio → depthwise cbr(k, s) → cbr(1), plus a 1×1 cbr shortcut"),
  z
    .strictObject({ type: z.literal("basicBlock"), channels: positive, stride, activation })
    .describe(
      "ResNet block: 3×3 conv, norm, relu, 3×3 conv, norm, shortcut (1×1 convolution with bias on change), relu",
    ),
  z.strictObject({ type: z.literal("pool"), kind: z.enum(["max", "average", "mix"]), kernel, stride }),
  z
    .strictObject({
      type: z.literal("vit"),
      channels: positive.optional().describe("output channels; default: those of the input"),
      heads: positive,
      headDim: positive,
      feedForward: z.boolean().default(true),
      norm: z.enum(["batch", "layer"]).default("batch"),
      attention: z.enum(["softmax", "linear"]).optional().describe("default softmax; linear grows with tokens only"),
      activation,
    })
    .describe("attention over all pixels, output cbr(1), 1×1 cbr shortcut; then optionally cbr(1) with its shortcut"),
  z.strictObject({ type: z.literal("dropout"), rate: z.number().min(0).lt(1) }),
  z.strictObject({ type: z.literal("globalAveragePool") }),
  z
    .strictObject({ type: z.literal("linear"), features: positive.optional() })
    .describe("features defaults to the number of classes"),
] as const;

const plainBlock = z.discriminatedUnion("type", plainBlocks);

const block = z.discriminatedUnion("type", [
  ...plainBlocks,
  z
    .strictObject({ type: z.literal("shortcut"), blocks: z.array(plainBlock).min(1), activation })
    .describe("blocks in sequence plus a 1×1 cbr from their input to their output, strided to match; no relu after"),
]);

/** A network as data: what `--arch FILE` holds and what a search produces. */
export const architectureSchema = z.strictObject({
  name: z.string().min(1).max(120).default("custom"),
  /** [height, width, channels]; default: those of the data */
  input: z.tuple([positive, positive, positive]).default([32, 32, 3]),
  classes: positive.default(10),
  /** Batch norm with trained scale and shift. */
  affine: z.boolean().default(true),
  blocks: z.array(block).min(1).max(200),
});

export type Architecture = z.output<typeof architectureSchema>;
export type ArchitectureInput = z.input<typeof architectureSchema>;
export type Block = Architecture["blocks"][number];

/** @throws ConfigError naming the field that is wrong */
export function parseArchitecture(value: unknown, where = "architecture"): Architecture {
  const result = architectureSchema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const field = issue.path.map(String).join(".") || "(top level)";
  throw new ConfigError(`${where}: ${field}: ${issue.message}`);
}

/** MLPerf Tiny's ResNet-8. */
export const resnet8: Architecture = parseArchitecture({
  name: "resnet8",
  blocks: [
    { type: "convBnRelu", channels: 16, kernel: 3 },
    { type: "basicBlock", channels: 16 },
    { type: "basicBlock", channels: 32, stride: 2 },
    { type: "basicBlock", channels: 64, stride: 2 },
    { type: "globalAveragePool" },
    { type: "linear" },
  ],
});

/** A hybrid of inverted bottlenecks and small vision transformers from the paper's space. */
export const refHybrid: Architecture = parseArchitecture({
  name: "ref-hybrid",
  blocks: [
    { type: "convBnRelu", channels: 24, kernel: 3 },
    { type: "invertedBottleneck", channels: 24, kernel: 3, ratio: 2 },
    { type: "pool", kind: "mix", kernel: 3, stride: 2 },
    { type: "invertedBottleneck", channels: 40, kernel: 3, ratio: 2 },
    { type: "pool", kind: "mix", kernel: 3, stride: 2 },
    { type: "vit", heads: 2, headDim: 32 },
    { type: "invertedBottleneck", channels: 64, kernel: 5, stride: 2, ratio: 2 },
    { type: "vit", heads: 4, headDim: 16 },
    { type: "globalAveragePool" },
    { type: "linear" },
  ],
});

export const builtInArchitectures: Readonly<Record<string, Architecture>> = { resnet8, "ref-hybrid": refHybrid };
