import type { Scratch } from "../element.ts";
import { range } from "../../engine/range.ts";
import type { LayerCall, LayerShapes } from "./emitter.ts";
import { epilogueOf } from "./epilogue.ts";
import { onlyWeights } from "./operands.ts";
import { largestDivisor } from "./spans.ts";

/**
 * Winograd's F(2×2, 3×3) (Lavin and Gray 2016): a tile of 2×2 outputs from 4×4 inputs with 16 products in place of 36.
 * Weights take 16 numbers of flash for 9.
 */
export interface Winograd {
  readonly height: number;
  readonly width: number;
  readonly inChannels: number;
  readonly outChannels: number;
  /** Tiles of one row of tiles that are computed at once; a divisor of their number. */
  readonly tiles: number;
  /** Channels that are summed at once. */
  readonly channels: number;
  /** Input channels per turn of the innermost loop. */
  readonly unroll: number;
  /** Of one inference, estimated. */
  readonly instructions: number;
}

const cells = 16;
/** The layer as a Winograd convolution; undefined where it is none. */
export function winogradOf(shapes: LayerShapes<"conv2d">): Winograd | undefined {
  if (shapes.layer.inputs.length !== 1 || shapes.target.softFloat) return undefined;
  const { stride, padding, dilation, groups } = shapes.attributes;
  const [kernelHeight, kernelWidth, inChannels, outChannels] = onlyWeights(shapes, 1).shape as [
    number,
    number,
    number,
    number,
  ];
  const [, height, width] = shapes.output as [number, number, number, number];
  const sliding = [kernelHeight, kernelWidth, ...stride, ...dilation, ...padding, groups].join();
  if (sliding !== "3,3,1,1,1,1,1,1,1,1,1" || height % 2 === 1 || width % 2 === 1) return undefined;
  const across = width / 2;
  const unroll = largestDivisor(inChannels, 4);
  const shape = { height, width, inChannels, outChannels, unroll };
  const candidates = [6, 5, 4, 3, 2, 1]
    .filter((tiles) => across % tiles === 0)
    .map((tiles) => {
      const channels = Math.min(4, outChannels);
      const planned = { ...shape, tiles, channels };
      return { ...planned, instructions: estimate(planned, shapes.layer.epilogue.length) };
    });
  return candidates.reduce((best, next) => (next.instructions < best.instructions ? next : best));
}

function estimate(shape: Omit<Winograd, "instructions">, epilogueSteps: number): number {
  const { height, width, inChannels, outChannels, tiles, channels, unroll } = shape;
  const turn = unroll === inChannels ? 0 : 3;
  const blocks = Math.ceil(outChannels / channels);
  const products =
    blocks *
    cells *
    (inChannels * (tiles * channels + tiles + channels) + (inChannels / unroll) * turn + 2 * tiles * channels + 6);
  const transforms = tiles * (inChannels * 70 + outChannels * (50 + 4 * (2 + epilogueSteps)));
  return ((height * width) / 4 / tiles) * (products + transforms + 30);
}

/** Transformed inputs of a group of tiles, and sums of one block of channels. */
export function winogradScratch({ inChannels, tiles, channels }: Winograd): readonly Scratch[] {
  return [
    { element: "float32", count: inChannels * cells * tiles },
    { element: "float32", count: cells * tiles * channels },
  ];
}

/** G g Gᵀ in the order in which products read them: [block of channels][cell][input channel][channel]. */
function transformWeights({ inChannels, outChannels, channels }: Winograd, weights: Float32Array): Float32Array {
  const rows = (a: number, b: number, c: number): number[] => [a, (a + b + c) / 2, (a - b + c) / 2, c];
  const transformed = new Float32Array(cells * inChannels * outChannels);
  for (let from = 0; from < inChannels; from++)
    for (let to = 0; to < outChannels; to++) {
      const at = (row: number, column: number): number =>
        weights[((row * 3 + column) * inChannels + from) * outChannels + to]!;
      const columns = range(3).map((column) => rows(at(0, column), at(1, column), at(2, column)));
      const first = to - (to % channels);
      const size = Math.min(channels, outChannels - first);
      for (let row = 0; row < 4; row++)
        rows(columns[0]![row]!, columns[1]![row]!, columns[2]![row]!).forEach((value, column) => {
          const cell = row * 4 + column;
          transformed[first * cells * inChannels + (cell * inChannels + from) * size + (to - first)] = value;
        });
    }
  return transformed;
}

/** Bᵀ d B of one tile for all channels, without the columns that lie outside. */
function defineInputTransform(call: LayerCall<"conv2d">, shape: Winograd, left: boolean, right: boolean): string {
  const { inChannels, tiles } = shape;
  const columns = range(4).filter((column) => !(left && column === 0) && !(right && column === 3));
  const lines = [`for (int c = 0; c < ${inChannels}; c++) {`];
  for (const column of columns) {
    lines.push(
      `const float ${range(4)
        .map((row) => `d${row}${column} = r${row}[${column * inChannels}]`)
        .join(", ")};`,
      `const float t0${column} = d0${column} - d2${column}, t1${column} = d1${column} + d2${column};`,
      `const float t2${column} = d2${column} - d1${column}, t3${column} = d1${column} - d3${column};`,
    );
  }
  for (const row of range(4)) {
    const t = (column: number): string => `t${row}${column}`;
    const values = [
      left ? `-${t(2)}` : `${t(0)} - ${t(2)}`,
      `${t(1)} + ${t(2)}`,
      `${t(2)} - ${t(1)}`,
      right ? t(1) : `${t(1)} - ${t(3)}`,
    ];
    values.forEach((value, column) => lines.push(`v[${(row * 4 + column) * tiles}] = ${value};`));
  }
  lines.push("r0++; r1++; r2++; r3++;", `v += ${cells * tiles};`, "}");
  return call.unit.define(
    "winograd_input",
    ["const float *r0", "const float *r1", "const float *r2", "const float *r3", "float *restrict v"],
    lines.join("\n"),
    {
      about: `a 4x4 tile of ${inChannels} channels${left ? ", none to the left" : ""}${right ? ", none to the right" : ""}`,
    },
  );
}

/** Sums over the input channels of a group of tiles and a block of `size` channels, for each of the 16 cells. */
function defineProducts(call: LayerCall<"conv2d">, { inChannels, tiles, unroll }: Winograd, size: number): string {
  const sum = (tile: number, channel: number): string => `a${tile}_${channel}`;
  const sums = range(tiles).flatMap((tile) => range(size).map((channel) => sum(tile, channel)));
  const turn = range(unroll).flatMap((u) => {
    const given = (index: number): string => `v[${u * cells * tiles + index}]`;
    const weight = (index: number): string => `u[${u * size + index}]`;
    if (tiles >= size)
      return [
        `{ const float ${range(size)
          .map((channel) => `w${channel} = ${weight(channel)}`)
          .join(", ")};`,
        "float x;",
        ...range(tiles).map(
          (tile) =>
            `x = ${given(tile)}; ${range(size)
              .map((channel) => `${sum(tile, channel)} += x * w${channel};`)
              .join(" ")}`,
        ),
        "}",
      ];
    return [
      `{ const float ${range(tiles)
        .map((tile) => `x${tile} = ${given(tile)}`)
        .join(", ")};`,
      "float w;",
      ...range(size).map(
        (channel) =>
          `w = ${weight(channel)}; ${range(tiles)
            .map((tile) => `${sum(tile, channel)} += x${tile} * w;`)
            .join(" ")}`,
      ),
      "}",
    ];
  });
  return call.unit.define(
    "winograd_products",
    ["const float *restrict inputs", "const float *restrict u", "float *restrict m"],
    [
      `for (int k = 0; k < ${cells}; k++) {`,
      `const float *restrict v = inputs + k * ${tiles};`,
      `const float *const end = v + ${inChannels * cells * tiles};`,
      `float ${sums.map((name) => `${name} = 0.0f`).join(", ")};`,
      "do {",
      ...turn,
      `v += ${unroll * cells * tiles};`,
      `u += ${unroll * size};`,
      "} while (v != end);",
      ...sums.map((name, index) => `m[${index}] = ${name};`),
      `m += ${tiles * size};`,
      "}",
    ].join("\n"),
    { about: `${tiles} tiles x ${size} channels of ${inChannels} channels` },
  );
}

/** The function of the layer and its call. */
export function emitWinograd(call: LayerCall<"conv2d">, shape: Winograd): string {
  const { unit } = call;
  const { height, width, inChannels, outChannels, tiles, channels } = shape;
  const weights = onlyWeights(call, 1);
  const epilogue = epilogueOf(call, { accumulates: true });
  const groups = width / 2 / tiles;
  const rowStep = width * inChannels;
  const zeros = unit.constant("a row of a tile outside the image", new Float32Array(4 * inChannels));

  /** Of a group of tiles, which may be the first or the last of its row. */
  const transforms = ({ first, last }: { readonly first: boolean; readonly last: boolean }): string[] =>
    range(tiles).map((tile) => {
      const left = tile === 0 && first;
      const right = tile === tiles - 1 && last;
      const transform = defineInputTransform(call, shape, left, right);
      const at = (row: number): string => {
        const inside = `in + ${row * rowStep + tile * 2 * inChannels}`;
        return row === 0
          ? `oy == 0 ? zeros : ${inside}`
          : row === 3
            ? `oy == ${height - 2} ? zeros : ${inside}`
            : inside;
      };
      return `${transform}(${[...range(4).map(at), `inputs + ${tile}`].join(", ")});`;
    });
  const outputTransform = (size: number): string[] => {
    const lines = [
      `for (int t = 0; t < ${tiles}; t++) {`,
      `for (int q = 0; q < ${size}; q++) {`,
      `const float *const m = sums + t * ${size} + q;`,
      `const int o = ((oy * ${width}) + (g * ${tiles} + t) * 2) * ${outChannels} + c + q;`,
    ];
    for (const column of range(4)) {
      const m = (row: number): string => `m[${(row * 4 + column) * tiles * size}]`;
      lines.push(
        `const float s${column} = ${m(1)}, d${column} = ${m(2)};`,
        `const float y0${column} = ${m(0)} + s${column} + d${column}, y1${column} = s${column} - d${column} - ${m(3)};`,
      );
    }
    const start = epilogue.start("c + q");
    if (start !== "0.0f") lines.push(`const float begin = ${start};`);
    for (const row of range(2))
      for (const [column, value] of [`y${row}0 + y${row}1 + y${row}2`, `y${row}1 - y${row}2 - y${row}3`].entries())
        lines.push(
          `{ float z = ${value}${start === "0.0f" ? "" : " + begin"};`,
          `${epilogue.store("z", `o + ${(row * width + column) * outChannels}`, "c + q")} }`,
        );
    lines.push("}", "}");
    return lines;
  };

  const inputs =
    groups === 1
      ? transforms({ first: true, last: true })
      : [
          "if (g == 0) {",
          ...transforms({ first: true, last: false }),
          ...(groups > 2 ? [`} else if (g < ${groups - 1}) {`, ...transforms({ first: false, last: false })] : []),
          "} else {",
          ...transforms({ first: false, last: true }),
          "}",
        ];
  const rest = outChannels % channels;
  const whole = outChannels - rest;
  const block = (size: number): string[] => [
    `${defineProducts(call, shape, size)}(inputs, u, sums);`,
    ...outputTransform(size),
  ];
  const lines = [
    `for (int oy = 0; oy < ${height}; oy += 2) {`,
    `for (int g = 0; g < ${groups}; g++) {`,
    `const float *const in = x + (oy - 1) * ${rowStep} + (g * ${2 * tiles} - 1) * ${inChannels};`,
    "const float *u = w;",
    ...inputs,
    `for (int c = 0; c < ${whole}; c += ${channels}) {`,
    ...block(channels),
    `u += ${cells * inChannels * channels};`,
    "}",
    ...(rest > 0 ? ["{", `enum { c = ${whole} };`, ...block(rest), "}"] : []),
    "}",
    "}",
  ];
  const name = unit.define(
    "winograd",
    [
      "const float *restrict x",
      "const float *restrict w",
      "const float *restrict zeros",
      "float *restrict inputs",
      "float *restrict sums",
      `float *${epilogue.restrict}y`,
      ...epilogue.parameters,
    ],
    lines.join("\n"),
    {
      about: `[${height},${width},${inChannels}] to [${height},${width},${outChannels}], Winograd F(2x2, 3x3), ${tiles} tiles x ${channels} channels`,
    },
  );
  const table = unit.constant(`${weights.name}, transformed`, transformWeights(shape, weights.values()));
  return `${name}(${[call.x[0], table, zeros, ...call.scratch, call.y, ...epilogue.arguments].join(", ")});`;
}
