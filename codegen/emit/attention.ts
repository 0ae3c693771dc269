import {
  atRowOfQueries,
  attentionInstructions,
  attentionRows,
  attentionText,
  attentionUses,
  blockSize,
  blocksOf,
  overQueries,
  productStep,
  queriesAtOnce,
  headSizes,
  type HeadSizes,
} from "./blocks.ts";
import { byteWorth } from "./code-price.ts";
import type { Emitter, LayerShapes } from "./emitter.ts";
import { epilogueOf, type Epilogue } from "./epilogue.ts";
import { defineExponential } from "./exponential.ts";
import { floatLiteral } from "../literals.ts";
import { largestDivisor } from "./spans.ts";

const sizesOf = (shapes: LayerShapes<"attention">): HeadSizes => headSizes(shapes, shapes.attributes.heads);

/**
 * One head for a block of queries: scores of all keys, softmax over them, weighted sum of the values. `scores` holds
 * [tokens][queries]; nothing of tokens × tokens is ever stored. Layers with as many channels share it: `tokens`, `d` and
 * `scale` are parameters. Scores are scaled where they are exponentiated, which costs nothing beside the difference to
 * the largest: by a negative scale that is the smallest.
 */
function blockBody(
  count: number,
  { tokens, d, channels }: HeadSizes,
  above: ">" | "<",
  uses: ReturnType<typeof attentionUses>,
  instructionsPerByte: number,
  exp2: string,
  epilogue: Epilogue,
): string {
  const queries = Array.from({ length: count }, (_, query) => query);
  const zeros = (members: readonly number[]): string =>
    `float ${members.flatMap((member) => queries.map((query) => `a${query}_${member} = 0.0f`)).join(", ")};`;
  const lines = [
    `float ${queries.map((query) => `largest${query} = ${above === ">" ? "-" : ""}0x1.fffffep127f, sum${query} = 0.0f`).join(", ")};`,
    "float *score = scores;",
    "const float *key = k;",
  ];
  const turn = largestDivisor(d, 8);
  const keyBlock = blockSize(uses.keys, 6, { written: turn, instructionsPerByte });
  for (const [, size, blocks] of blocksOf(tokens, keyBlock)) {
    const members = Array.from({ length: size }, (_, member) => member);
    lines.push(
      blocks === 1 ? "{" : `for (int j = ${size}; j <= tokens; j += ${size}) {`,
      zeros(members),
      "const float *p = q, *r = key;",
      ...(d > turn ? ["const float *const end = key + d;", "do {"] : []),
    );
    for (let u = 0; u < turn; u++)
      lines.push(
        ...productStep(
          queries,
          members,
          (query) => `p[${query * channels + u}]`,
          (member) => `r[${member * channels + u}]`,
        ),
      );
    if (d > turn) lines.push(`p += ${turn};`, `r += ${turn};`, "} while (r != end);");
    for (const member of members)
      for (const query of queries)
        lines.push(
          `score[${member * count + query}] = a${query}_${member};`,
          `largest${query} = a${query}_${member} ${above} largest${query} ? a${query}_${member} : largest${query};`,
        );
    lines.push(`key += ${size * channels};`, `score += ${size * count};`, "}");
  }
  lines.push(
    ...queries.map((query) => `largest${query} *= scale;`),
    "score = scores;",
    "for (int j = 0; j < tokens; j++) {",
  );
  for (const query of queries)
    lines.push(
      `{ const float e = ${exp2}(score[${query}] * scale - largest${query}); score[${query}] = e; sum${query} += e; }`,
    );
  lines.push(`score += ${count};`, "}");
  for (const query of queries) lines.push(`sum${query} = 1.0f / sum${query};`);

  const keys = largestDivisor(tokens, 4);
  const valueBlock = blockSize(uses.values, 6, { written: keys, instructionsPerByte });
  lines.push("int c = 0;");
  for (const [start, size, blocks] of blocksOf(d, valueBlock)) {
    const members = Array.from({ length: size }, (_, member) => member);
    lines.push(
      start > 0 && blocks === 1 ? "{" : `for (; c <= d - ${size}; c += ${size}) {`,
      zeros(members),
      `const float *p = scores, *r = v + c;`,
      `const float *const end = scores + tokens * ${count};`,
      "do {",
    );
    for (let u = 0; u < keys; u++)
      lines.push(
        ...productStep(
          queries,
          members,
          (query) => `p[${u * count + query}]`,
          (member) => `r[${u * channels + member}]`,
        ),
      );
    lines.push(`p += ${keys * count};`, `r += ${keys * channels};`, "} while (p != end);");
    for (const query of queries)
      for (const member of members)
        lines.push(
          `a${query}_${member} *= sum${query};`,
          epilogue.store(`a${query}_${member}`, `o + c + ${query * channels + member}`, `h + c + ${member}`),
        );
    lines.push("}");
  }
  return lines.join("\n");
}

export const attention: Emitter<"attention"> = {
  // A block of queries is not read any more when its results take its place.
  overwritableInputs: () => [0],
  scratch: (shapes) => {
    const { tokens, queries } = sizesOf(shapes);
    return [{ element: "float32", count: queriesAtOnce(shapes, queries) * tokens }];
  },
  windows: (shapes) => attentionRows(shapes),
  estimate: (shapes) => {
    const sizes = sizesOf(shapes);
    const prices = { product: 1.25, read: 1, score: 22 };
    return attentionInstructions(sizes, queriesAtOnce(shapes, sizes.queries), prices);
  },
  emit: (rowCall) => {
    const sizes = sizesOf(rowCall);
    const call = atRowOfQueries(rowCall, sizes);
    const { unit } = call;
    const { tokens, d } = sizes;
    const epilogue = epilogueOf(call);
    const exp2 = defineExponential(unit);
    const { scale } = call.attributes;
    const queries = queriesAtOnce(call, sizes.queries);
    const names = epilogue.parameters.map((parameter) => /\w+$/.exec(parameter)![0]);
    const pointers = ["const float *q", "const float *k", "const float *v", "float *y"];
    const blocks = overQueries(sizes, queries, (count) => {
      const withChannel = call.layer.epilogue.some((step) => step.kind === "bias");
      const block = unit.define(
        "attention_block",
        [
          "const float *q",
          "const float *restrict k",
          "const float *restrict v",
          "float *y",
          "float *restrict scores",
          ...["int tokens", "int d", "float scale"],
          "int o",
          ...(withChannel ? ["int h"] : []),
          ...epilogue.parameters,
        ],
        blockBody(
          count,
          sizes,
          scale < 0 ? "<" : ">",
          attentionUses(call.graph),
          byteWorth[call.schedule.plan],
          exp2,
          epilogue,
        ),
        { about: `${count} queries of one head` },
      );
      const pointersGiven = ["q + o", "k + h", "v + h", "y", "scratch"];
      const given = [...pointersGiven, String(tokens), String(d), floatLiteral(scale * Math.LOG2E), "o"];
      return `${block}(${[...given, ...(withChannel ? ["h"] : []), ...names].join(", ")});`;
    });
    const name = unit.define("attention", [...pointers, "float *scratch", ...epilogue.parameters], blocks, {
      about: attentionText(sizes),
    });
    return `${name}(${[...call.x, call.y, ...call.scratch, ...epilogue.arguments].join(", ")});`;
  },
};
