import { range } from "../../../engine/range.ts";
import { floatLiteral } from "../../literals.ts";
import type { Unit } from "../../unit.ts";
import { headSizes, queriesAtOnce } from "../blocks.ts";
import type { LayerCall, LayerShapes } from "../emitter.ts";
import { defineExponentials } from "./exponentials.ts";
import { channelStrips, floatVectors } from "./vectors.ts";

/** Queries that share each vector, and registers of a vector. */
const [queriesTogether, group] = [4, 4] as const;

/** Whether a layer takes the kernel that layers share. */
export function takesSharedAttention({ layer, schedule }: LayerShapes<"attention">): boolean {
  return schedule.plan === "size" && layer.epilogue.length === 0;
}

/**
 * Defines a function for sums of products of numbers of up to four queries and vectors that they share: for scores of
 * keys by channels, and for channels of results by keys. In place of a query too many the one before it is computed
 * again.
 */
function defineProducts(unit: Unit): string {
  const vectors = floatVectors(group);
  const { op, type, splat, store } = vectors;
  const queries = range(queriesTogether);
  const moved = (name: string, step: string): string[] =>
    queries.slice(1).map((query) => `${name}${query} = ${name}${query - 1} + (queries > ${query} ? ${step} : 0)`);
  return unit.define(
    "attention_products",
    [
      ...["int queries", "const float *x0", "int x_step", "const float *vectors", "int vector_step", "int lane_step"],
      ...["int terms", "int count", "const float *factors", "float *y0", "int y_step"],
    ],
    [
      `const float ${moved("*x", "x_step").join(", ").replaceAll("= *", "= ")};`,
      `float ${moved("*y", "y_step").join(", ").replaceAll("= *", "= ")};`,
      ...channelStrips(vectors, "count", [
        "const float *lanes = vectors + c * lane_step;",
        `${type} ${queries.map((query) => `a${query} = ${splat("0.0f")}`).join(", ")};`,
        "for (int i = 0; i < terms; i++) {",
        `const ${type} v = ${op("vlse32_v", "lanes", "lane_step * 4")};`,
        "lanes += vector_step;",
        ...queries.map((query) => `a${query} = ${op("vfmacc_vf", `a${query}`, `x${query}[i]`, "v")};`),
        "}",
        ...queries.map((query) => store(`y${query} + c`, op("vfmul_vf", `a${query}`, `factors[${query}]`))),
      ]),
    ].join("\n"),
    { about: "sums of products of numbers and vectors", result: `${unit.prefix.toUpperCase()}_NOINLINE void` },
  );
}

/** Attention by the kernel that takes all sizes at run time. */
export function emitSharedAttention(call: LayerCall<"attention">): string {
  const { unit } = call;
  unit.include("riscv_vector.h");
  const exponentials = defineExponentials(unit);
  const products = defineProducts(unit);
  const name = unit.define(
    "attention",
    [
      ...["const float *q", "const float *k", "const float *v", "float *y", "float *scores"],
      ...["int tokens", "int count", "int channels", "int d", "float scale", "int most"],
    ],
    `for (int h = 0; h < channels; h += d) {
    for (int i = 0; i < count; i += most) {
    const int o = i * channels + h, queries = count - i < most ? count - i : most;
    float factors[${queriesTogether}] = {${range(queriesTogether)
      .map(() => "scale")
      .join(", ")}};
    ${products}(queries, q + o, channels, k + h, 1, channels, d, tokens, factors, scores, tokens);
    for (int s = 0; s < ${queriesTogether}; s++) {
    float *const row = scores + s * tokens;
    factors[s] = s < queries ? 1.0f / ${exponentials}(row, row, tokens, 1.0f) : factors[s - 1];
    }
    ${products}(queries, scores, tokens, v + h, channels, 1, tokens, d, factors, y + o, channels);
    }
    }`,
    { about: "softmax attention, some queries of one head at once" },
  );
  const { tokens, queries, channels, d } = headSizes(call, call.attributes.heads);
  const scale = floatLiteral(call.attributes.scale * Math.LOG2E);
  const given = [tokens, queries, channels, d, scale, queriesAtOnce(call, queries)];
  return `${name}(${[...call.x, call.y, ...call.scratch, ...given].join(", ")});`;
}
