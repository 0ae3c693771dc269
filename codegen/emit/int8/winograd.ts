import type { QuantizedLayer } from "../../quantize/graph.ts";
import type { Scratch } from "../../element.ts";
import type { Unit } from "../../unit.ts";
import { rowAt, rowText } from "../rows.ts";
import { largestDivisor } from "../spans.ts";
import { range } from "../../../engine/range.ts";
import { int8Input, largestCell, type IntegerCall, type IntegerShapes } from "./emitter.ts";
import { epilogueOf } from "./epilogue.ts";
import { apart } from "./rescale.ts";
import type { WeightedConvolution } from "./weighted-convolution.ts";

/**
 * F(2×2, 3×3) in integers (Winograd 1980; Lavin and Gray 2016): sixteen products make four outputs in place of
 * thirty-six. The transform of the weights is doubled in each dimension, so that it is whole; results are quartered.
 */
export interface Winograd {
  readonly size: readonly [height: number, width: number];
  readonly inChannels: number;
  readonly outChannels: number;
  /** Tiles of 2×2 outputs in a row of tiles, and in all. */
  readonly across: number;
  readonly tiles: number;
  /** Tiles and channels whose products are summed at once. */
  readonly tilesAtOnce: number;
  readonly channelsAtOnce: number;
}

/** Sums of three products of a transformed weight with three of an input, in each dimension. */
const largestWeight = 9 * 127;
const growth = 4 * 9;

/** How a convolution is computed so; undefined where it is of another kind. */
export function winogradOf(shapes: IntegerShapes<"conv2d">): Winograd | undefined {
  const { layer, inputs, output } = shapes;
  const { stride, padding, dilation, groups } = layer.attributes;
  const [kernelHeight, kernelWidth, inChannels, outChannels] = layer.weightShape as [number, number, number, number];
  const [, height, width] = inputs[0] as [number, number, number, number];
  const kind = [kernelHeight, kernelWidth, ...stride, ...padding, ...dilation, groups].join();
  if (kind !== "3,3,1,1,1,1,1,1,1,1,1" || height % 2 !== 0 || width % 2 !== 0 || width < 4) return undefined;
  if (inChannels * largestCell(int8Input(shapes)) * growth * largestWeight >= 2 ** 31) return undefined;
  const across = width / 2;
  const tiles = (height / 2) * across;
  const channels = output.at(-1)!;
  return {
    ...{ size: [height, width], inChannels, outChannels, across, tiles },
    tilesAtOnce: largestDivisor(shapes.turn === null ? tiles : across, 4),
    channelsAtOnce: largestDivisor(channels, 4),
  };
}

/** Of one inference, estimated. */
export function winogradInstructions({ inChannels, outChannels, tiles, ...at }: Winograd): number {
  const { tilesAtOnce: p, channelsAtOnce: q } = at;
  const transform = inChannels * 70 + 50;
  const products = (outChannels / q) * (16 * (inChannels * (2 * p * q + p + q + 2) + p * q + 14) + 40);
  return tiles * (transform + outChannels * 95) + (tiles / p) * products;
}

/** Transformed inputs, sums, and cells that stand for what lies outside of the image. */
export function winogradScratch({ inChannels, tilesAtOnce, channelsAtOnce }: Winograd): readonly Scratch[] {
  return [
    { element: "int16", count: 16 * inChannels * tilesAtOnce },
    { element: "int32", count: 16 * tilesAtOnce * channelsAtOnce },
    { element: "int8", count: 4 * inChannels },
  ];
}

/** Twice G of the transform of the weights, G g Gᵀ. */
const doubled: readonly (readonly number[])[] = [
  [2, 0, 0],
  [1, 1, 1],
  [1, -1, 1],
  [0, 0, 2],
];

/** [block of channels][16][input channel][channel] */
function transformWeights(
  { inChannels, outChannels, channelsAtOnce }: Winograd,
  { at }: WeightedConvolution,
): Int16Array {
  const transformed: number[] = [];
  for (let first = 0; first < outChannels; first += channelsAtOnce)
    for (const row of doubled)
      for (const column of doubled)
        for (let from = 0; from < inChannels; from++)
          for (let to = first; to < first + channelsAtOnce; to++)
            transformed.push(
              row.reduce(
                (sum, down, ky) =>
                  sum + down * column.reduce((part, across, kx) => part + across * at(ky, kx, from, to), 0),
                0,
              ),
            );
  return Int16Array.from(transformed);
}

/** Bᵀ d B of one tile, for all input channels; columns outside of the image hold the zero point. */
function defineInput(
  unit: Unit,
  { inChannels, tilesAtOnce }: Winograd,
  zero: number,
  side: "left" | "middle" | "right",
): string {
  const outside = side === "left" ? 0 : side === "right" ? 3 : -1;
  const first = side === "left" ? 1 : 0;
  const lines: string[] = [];
  for (const j of range(4)) {
    if (j === outside) continue;
    const cells = range(4).map((i) => `d${i} = r${i}[${(j - first) * inChannels}]`);
    lines.push(
      `int32_t ${range(4)
        .map((i) => `t${i}${j}`)
        .join(", ")};`,
      `{ const int32_t ${cells.join(", ")}; t0${j} = d0 - d2; t1${j} = d1 + d2; t2${j} = d2 - d1; t3${j} = d1 - d3; }`,
    );
  }
  for (const i of range(4)) {
    // All rows of an outside column are alike: only their sum is left.
    const t = (j: number): string => (j === outside ? (i === 1 ? `(${2 * zero})` : "0") : `t${i}${j}`);
    [`${t(0)} - ${t(2)}`, `${t(1)} + ${t(2)}`, `${t(2)} - ${t(1)}`, `${t(1)} - ${t(3)}`].forEach((value, j) =>
      lines.push(`v[${(4 * i + j) * tilesAtOnce}] = (int16_t)(${value});`),
    );
  }
  return unit.define(
    "winograd_input",
    [...range(4).map((i) => `const int8_t *restrict r${i}`), "int16_t *restrict v"],
    [
      `for (int c = 0; c < ${inChannels}; c++) {`,
      ...lines,
      ...range(4).map((i) => `r${i}++;`),
      `v += ${16 * tilesAtOnce};`,
      "}",
    ].join("\n"),
    { about: `transforms 4x4 cells of ${inChannels} channels, ${side}`, result: apart(unit) },
  );
}

/** m [16][tile][channel] = Σ v [input channel][16][tile] · u [16][input channel][channel] */
function defineProducts(unit: Unit, { inChannels, tilesAtOnce, channelsAtOnce }: Winograd): string {
  const [tiles, channels] = [range(tilesAtOnce), range(channelsAtOnce)];
  const sums = tiles.map((tile) => channels.map((channel) => `a${tile}_${channel}`));
  const unroll = largestDivisor(inChannels, 2);
  return unit.define(
    "winograd_products",
    ["const int16_t *restrict v", "const int16_t *restrict u", "int32_t *restrict m"],
    [
      "for (int k = 0; k < 16; k++) {",
      "const int16_t *in = v;",
      `const int16_t *const end = v + ${16 * inChannels * tilesAtOnce};`,
      `int32_t ${sums.flat().join(" = 0, ")} = 0;`,
      "do {",
      ...range(unroll).flatMap((step) => [
        "{",
        `const int32_t ${tiles.map((tile) => `x${tile} = in[${16 * tilesAtOnce * step + tile}]`).join(", ")};`,
        "int32_t w;",
        ...channels.flatMap((channel) => [
          `w = u[${channelsAtOnce * step + channel}];`,
          tiles.map((tile) => `a${tile}_${channel} += x${tile} * w;`).join(" "),
        ]),
        "}",
      ]),
      `in += ${16 * tilesAtOnce * unroll};`,
      `u += ${channelsAtOnce * unroll};`,
      "} while (in != end);",
      ...sums.flat().map((sum, index) => `m[${index}] = ${sum};`),
      `m += ${tilesAtOnce * channelsAtOnce};`,
      `v += ${tilesAtOnce};`,
      "}",
    ].join("\n"),
    { about: `${tilesAtOnce} tiles x ${channelsAtOnce} channels over ${inChannels} channels`, result: apart(unit) },
  );
}

/** The function of a convolution by Winograd's algorithm, and its call. */
export function emitWinograd(
  call: IntegerCall<"conv2d">,
  winograd: Winograd,
  convolution: WeightedConvolution,
): string {
  const { unit, layer } = call;
  const { size, inChannels, outChannels, across, tiles, tilesAtOnce, channelsAtOnce } = winograd;
  const [height, width] = size;
  const { zero } = int8Input(call);
  const epilogue = epilogueOf(call, [(channel) => -zero * sumOfWeights(layer, channel)]);
  const inputs = (["left", "middle", "right"] as const).map((side) => defineInput(unit, winograd, zero, side));
  const products = defineProducts(unit, winograd);
  const step = tilesAtOnce * channelsAtOnce;
  const out = (i: number): string => (i === 0 ? "m[j] + m[j + 4] + m[j + 8]" : "m[j + 4] - m[j + 8] - m[j + 12]");
  const at = (text: string, j: number): string =>
    text.replace(/m\[j(?: \+ (\d+))?\]/g, (_, row?: string) => `m[${(Number(row ?? 0) + j) * step}]`);
  const output = unit.define(
    "winograd_output",
    ["const int32_t *restrict m", `${epilogue.type} *${epilogue.restrict}y`, ...epilogue.innerParameters],
    [
      `for (int c = 0; c < ${channelsAtOnce}; c++, m++) {`,
      ...epilogue.open("c"),
      `const int32_t start = ${epilogue.start("c")};`,
      ...range(2).flatMap((i) => [
        "{",
        `const int32_t ${range(4)
          .map((j) => `p${j} = ${at(out(i), j)}`)
          .join(", ")};`,
        "int32_t s;",
        ...["p0 + p1 + p2", "p1 - p2 - p3"].map(
          (value, j) => `s = ((${value}) >> 2) + start; ${epilogue.store("s", `${(i * width + j) * outChannels} + c`)}`,
        ),
        "}",
      ]),
      "}",
    ].join("\n"),
    { about: "transforms sums back and stores 2x2 cells", result: apart(unit) },
  );
  const pointers = epilogue.given.map(({ name, by }) =>
    by === "none" ? name : by === "cell" ? `${name} + o` : `${name} + c`,
  );
  const rowStep = width * inChannels;
  const streamed = rowText(call, { y: epilogue.type, summand: "int8_t" });
  const room = call.rows?.x[0] ?? { rows: height, of: height };
  /** A tile's place, and its rows; above and below the image they are made of zero points. */
  const place = call.rows
    ? `const int tx = t + p;`
    : `const int oy = (t + p) / ${across} * 2, tx = (t + p) % ${across};`;
  const row = (index: number): string => rowAt("x", room, `(oy + ${index} - 1)`, rowStep);
  const name = unit.define(
    `winograd${streamed.suffix}`,
    [
      `const int8_t *${call.rows ? "" : "restrict "}x`,
      "const int16_t *restrict w",
      `${epilogue.type} *${call.rows ? "" : epilogue.restrict}y${streamed.suffix}`,
      ...["int16_t *restrict v", "int32_t *restrict m", "int8_t *restrict outside"],
      ...epilogue.parameters,
      ...streamed.parameters,
    ],
    `${streamed.pointers(width * outChannels).join("\n")}
    for (int i = 0; i < ${4 * inChannels}; i++) {
    outside[i] = ${zero};
    }
    for (int t = 0; t < ${call.rows ? across : tiles}; t += ${tilesAtOnce}) {
    const int16_t *u = w;
    for (int p = 0; p < ${tilesAtOnce}; p++) {
    ${place}
    const int left = (tx == 0 ? 0 : tx * 2 - 1) * ${inChannels};
    const int8_t *const r0 = oy == 0 ? outside : ${row(0)} + left;
    const int8_t *const r1 = ${row(1)} + left;
    const int8_t *const r2 = ${row(2)} + left;
    const int8_t *const r3 = oy == ${height - 2} ? outside : ${row(3)} + left;
    if (tx == 0) ${inputs[0]!}(r0, r1, r2, r3, v + p);
    else if (tx == ${across - 1}) ${inputs[2]!}(r0, r1, r2, r3, v + p);
    else ${inputs[1]!}(r0, r1, r2, r3, v + p);
    }
    for (int c = 0; c < ${outChannels}; c += ${channelsAtOnce}) {
    ${products}(v, u, m);
    u += ${16 * inChannels * channelsAtOnce};
    for (int p = 0; p < ${tilesAtOnce}; p++) {
    ${place}
    const int o = (${call.rows ? "" : `oy * ${width} + `}tx * 2) * ${outChannels} + c;
    ${output}(${["m + p * " + channelsAtOnce, "y + o", ...pointers].join(", ")});
    }
    }
    }`,
    {
      about: `[${height},${width},${inChannels}] to [${height},${width},${outChannels}], kernel 3x3; Winograd F(2x2, 3x3)`,
    },
  );
  const table = unit.constant(`${layer.name}, transformed weights`, transformWeights(winograd, convolution));
  return `${name}(${[call.x[0], table, call.y, ...call.scratch, ...epilogue.arguments, ...streamed.arguments].join(", ")});`;
}

function sumOfWeights({ weights, weightShape }: QuantizedLayer<"conv2d">, channel: number): number {
  const channels = weightShape.at(-1)!;
  let sum = 0;
  for (let at = channel; at < weights.length; at += channels) sum += weights[at]!;
  return sum;
}
