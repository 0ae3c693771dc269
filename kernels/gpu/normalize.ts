import type { Emitter, Value } from "./emitter.ts";
import { cell, type Operand } from "./kernel-text.ts";

/** (x − mean) / √(variance + epsilon) */
const normalized = (x: string, mean: string, variance: string, epsilon: number): string =>
  `(${x} - ${mean}) / Math.sqrt(${variance} + ${epsilon})`;

const optional = (...values: readonly (Value | undefined)[]): Value[] => values.filter((value) => value !== undefined);

const affine = (value: string, channel: string, gamma: Operand | undefined, beta: Operand | undefined): string =>
  `${value}${gamma ? ` * ${gamma.at(channel)}` : ""}${beta ? ` + ${beta.at(channel)}` : ""}`;

/** y [rows,c] from x [rows,c], mean [c], variance [c], gamma [c], beta [c] */
export function batchNormForward(
  emit: Emitter,
  x: Value,
  mean: Value,
  variance: Value,
  gamma: Value | undefined,
  beta: Value | undefined,
  c: number,
  epsilon: number,
): Value {
  return emit.map(
    [x],
    (text, [x], [mean, variance, gamma, beta]) => {
      const channel = text.split(cell, c)[1];
      const value = normalized(x, mean!.at(channel), variance!.at(channel), epsilon);
      return affine(value, channel, gamma, beta);
    },
    [mean, variance, ...optional(gamma, beta)],
  );
}

/** y [rows,c], mean [c], variance [c] (biased) from x [rows,c], gamma [c], beta [c] */
export function batchNormTrainingForward(
  emit: Emitter,
  x: Value,
  gamma: Value | undefined,
  beta: Value | undefined,
  rows: number,
  c: number,
  epsilon: number,
): readonly [y: Value, mean: Value, variance: Value] {
  const statistics = moments(emit, x, rows, c);
  const [mean, variance] = [statistics.part(0, c), statistics.part(c, c)];
  return [batchNormForward(emit, x, mean, variance, gamma, beta, c, epsilon), mean, variance];
}

/**
 * Mean and variance [2,c] of the columns of x [rows,c]. A first kernel gives the mean of each chunk of rows and the sum
 * of squares around it, a second one joins them (Chan, Golub and LeVeque 1979): no digits cancel.
 */
function moments(emit: Emitter, x: Value, rows: number, c: number): Value {
  const size = Math.ceil(Math.sqrt(rows));
  const chunks = Math.ceil(rows / size);
  const last = rows - (chunks - 1) * size;
  const parts = emit.pass(2 * chunks * c, [x], (text, [x]) => {
    const [half, chunk, channel] = text.coordinates(cell, [2, chunks, c]);
    const value = x.at(`from + row * ${c}`);
    text.block(`const from = ${chunk} * ${size * c} + ${channel};
let count = ${size};
if (${chunk} === ${chunks - 1}) {
count = ${last};
}
let mean = 0;
for (let row = 0; row < ${size}; row++) {
if (row < count) {
mean += ${value};
}
}
mean = mean / count;
let result = mean;
if (${half} > 0) {
result = 0;
for (let row = 0; row < ${size}; row++) {
if (row < count) {
const difference = ${value} - mean;
result += difference * difference;
}
}
}`);
    return "result";
  });
  return emit.pass(2 * c, [parts], (text, [parts]) => {
    const [half, channel] = text.split(cell, c);
    const mean = parts.at(`chunk * ${c} + ${channel}`);
    text.block(`let mean = 0;
for (let chunk = 0; chunk < ${chunks}; chunk++) {
let count = ${size};
if (chunk === ${chunks - 1}) {
count = ${last};
}
mean += count * ${mean};
}
mean = mean / ${rows};
let result = mean;
if (${half} > 0) {
result = 0;
for (let chunk = 0; chunk < ${chunks}; chunk++) {
let count = ${size};
if (chunk === ${chunks - 1}) {
count = ${last};
}
const difference = ${mean} - mean;
result += ${parts.at(`${chunks * c} + chunk * ${c} + ${channel}`)} + count * difference * difference;
}
result = result / ${rows};
}`);
    return "result";
  });
}

/** dx [rows,c], dgamma [c], dbeta [c] from dy [rows,c], x [rows,c], mean [c], variance [c], gamma [c] */
export function batchNormTrainingGradient(
  emit: Emitter,
  dy: Value,
  x: Value,
  mean: Value,
  variance: Value,
  gamma: Value | undefined,
  rows: number,
  c: number,
  epsilon: number,
): readonly [dx: Value, dgamma: Value, dbeta: Value] {
  const sums = emit.sums(2 * c, rows, [dy, x, mean, variance], (text, [dy, x, mean, variance], index) => {
    const [half, channel] = text.split(index, c);
    const from = `place * ${c} + ${channel}`;
    const shift = text.let(mean.at(channel));
    const factor = text.let(`1 / Math.sqrt(${variance.at(channel)} + ${epsilon})`);
    return twoSums(half, dy.at(from), `${dy.at(from)} * (${x.at(from)} - ${shift}) * ${factor}`);
  });
  const [dbeta, dgamma] = [sums.part(0, c), sums.part(c, c)];
  const dx = emit.map(
    [dy, x],
    (text, [dy, x], [sums, mean, variance, gamma]) => {
      const channel = text.split(cell, c)[1];
      const inverse = text.let(`1 / Math.sqrt(${variance!.at(channel)} + ${epsilon})`);
      const value = text.let(`(${x} - ${mean!.at(channel)}) * ${inverse}`);
      const dot = sums!.at(`${c} + ${channel}`);
      const scaled = `${inverse} * (${dy} - (${sums!.at(channel)} + ${value} * ${dot}) * ${1 / rows})`;
      return gamma ? `${gamma.at(channel)} * ${scaled}` : scaled;
    },
    [sums, mean, variance, ...optional(gamma)],
  );
  return [dx, dgamma, dbeta];
}

/** y [rows,c] from x [rows,c], gamma [c], beta [c] */
export function layerNormForward(
  emit: Emitter,
  x: Value,
  gamma: Value | undefined,
  beta: Value | undefined,
  rows: number,
  c: number,
  epsilon: number,
): Value {
  return emit.map(
    [x],
    (text, [x], [statistics, ...rest]) => {
      const [gamma, beta] = rest;
      const [row, channel] = text.split(cell, c);
      return affine(standardized(x, statistics!, row, rows), channel, gamma, beta);
    },
    [rowStatistics(emit, x, rows, c, epsilon), ...optional(gamma, beta)],
  );
}

/** dx [rows,c], dgamma [c], dbeta [c] from dy [rows,c], x [rows,c], gamma [c] */
export function layerNormGradient(
  emit: Emitter,
  dy: Value,
  x: Value,
  gamma: Value | undefined,
  rows: number,
  c: number,
  epsilon: number,
): readonly [dx: Value, dgamma: Value, dbeta: Value] {
  const statistics = rowStatistics(emit, x, rows, c, epsilon);
  const scaled = (dy: string, channel: string, gamma: Operand | undefined): string =>
    gamma ? `${dy} * ${gamma.at(channel)}` : dy;
  const rowSums = emit.pass(2 * rows, [dy, x, statistics, ...optional(gamma)], (text, [dy, x, statistics, gamma]) => {
    const [half, row] = text.split(cell, rows);
    const value = text.let(statistics!.at(row));
    const inverse = text.let(statistics!.at(`${rows} + ${row}`));
    const gradient = scaled(dy!.at("from + i"), "i", gamma);
    text.block(`const from = ${row} * ${c};
let sum = 0;
for (let i = 0; i < ${c}; i++) {
${twoSums(half, gradient, `${gradient} * (${x!.at("from + i")} - ${value}) * ${inverse}`)}
}`);
    return "sum";
  });
  const dx = emit.map(
    [dy, x],
    (text, [dy, x], [statistics, rowSums, gamma]) => {
      const [row, channel] = text.split(cell, c);
      const value = text.let(standardized(x, statistics!, row, rows));
      const mean = `(${rowSums!.at(row)} + ${value} * ${rowSums!.at(`${rows} + ${row}`)}) * ${1 / c}`;
      return `${statistics!.at(`${rows} + ${row}`)} * (${scaled(dy, channel, gamma)} - ${mean})`;
    },
    [statistics, rowSums, ...optional(gamma)],
  );
  const sums = emit.sums(2 * c, rows, [dy, x, statistics], (text, [dy, x, statistics], index) => {
    const [half, channel] = text.split(index, c);
    const from = `place * ${c} + ${channel}`;
    const value = standardized(x.at(from), statistics, "place", rows);
    return twoSums(half, dy.at(from), `${dy.at(from)} * ${value}`);
  });
  return [dx, sums.part(c, c), sums.part(0, c)];
}

/** [2,rows]: mean and 1 / √(variance + epsilon) of each row of x [rows,c] */
function rowStatistics(emit: Emitter, x: Value, rows: number, c: number, epsilon: number): Value {
  return emit.pass(2 * rows, [x], (text, [x]) => {
    const [half, row] = text.split(cell, rows);
    text.block(`const from = ${row} * ${c};
let result = 0;
for (let i = 0; i < ${c}; i++) {
result += ${x.at("from + i")};
}
result = result * ${1 / c};
if (${half} > 0) {
const mean = result;
result = 0;
for (let i = 0; i < ${c}; i++) {
const difference = ${x.at("from + i")} - mean;
result += difference * difference;
}
result = 1 / Math.sqrt(result * ${1 / c} + ${epsilon});
}`);
    return "result";
  });
}

const standardized = (x: string, statistics: Operand, row: string, rows: number): string =>
  `(${x} - ${statistics.at(row)}) * ${statistics.at(`${rows} + ${row}`)}`;

/** Adds the one term in the first half of the cells and the other in the second. */
const twoSums = (half: string, first: string, second: string): string =>
  `if (${half} > 0) {\nsum += ${second};\n} else {\nsum += ${first};\n}`;
