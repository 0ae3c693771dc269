import { afterAll, expect, test } from "vitest";
import { conv2d } from "../../../engine/ops/conv2d.ts";
import { randomUniform } from "../../../engine/random.ts";
import type { Padding } from "../../../engine/shape.ts";
import { createReferenceBackend } from "../../../kernels/reference/index.ts";
import { createWasmBackend, type WasmBackend } from "../../../kernels/wasm/node/index.ts";
import { normal, opCase, type OpCase } from "../../op-cases/case.ts";
import { parity, recordCase, sameBits } from "../../op-cases/harness.ts";

function convolution(x: readonly number[], w: readonly number[], padding: Padding | "same" = "same"): OpCase {
  return opCase(`conv2d ${String(padding)}`, [normal(...x), normal(...w)], ([x, w]) => [conv2d(x!, w!, { padding })]);
}

function randomConvolution(index: number): OpCase {
  let position = 0;
  const draw = (least: number, most: number): number =>
    least + Math.floor((most - least + 1) * randomUniform(index, position++));
  const padding: Padding = [draw(0, 2), draw(0, 2), draw(0, 2), draw(0, 2)];
  const [inputs, outputs] = [draw(8, 68), draw(8, 68)];
  return convolution([draw(1, 5), draw(4, 23), draw(4, 23), inputs], [3, 3, inputs, outputs], padding);
}

const suited: readonly OpCase[] = [
  convolution([1, 4, 4, 16], [3, 3, 16, 16]),
  convolution([13, 9, 15, 17], [3, 3, 17, 31], [2, 2, 2, 2]),
  convolution([2, 6, 6, 20], [3, 3, 20, 28], [0, 0, 0, 0]),
  convolution([140, 4, 4, 64], [3, 3, 64, 60]),
  convolution([2, 7, 300, 16], [3, 3, 16, 20]),
  convolution([19, 11, 11, 8], [3, 3, 8, 12]),
  convolution([40, 7, 6, 37], [3, 3, 37, 24], [1, 0, 2, 1]),
];
const cases: readonly OpCase[] = [...suited, ...Array.from({ length: 12 }, (_, index) => randomConvolution(index))];

const open: WasmBackend[] = [];
afterAll(() => Promise.all(open.map((backend) => backend.dispose())));

async function backend(options: Parameters<typeof createWasmBackend>[0]): Promise<WasmBackend> {
  const created = await createWasmBackend(options);
  open.push(created);
  return created;
}

/** Kernels of the steps that a case takes. */
async function kernels(on: WasmBackend, opCase: OpCase): Promise<Set<string>> {
  const program = await on.compile(recordCase(opCase).graph);
  return new Set(program.plan.steps.map(({ kernel }) => kernel));
}

test.each(["wide", "narrow", "plain"] as const)(
  "agrees with the reference (%s)",
  { timeout: 60_000 },
  async (variant) => {
    const wasm = await backend({ variant, inline: true });
    for (const one of suited) expect(await kernels(wasm, one), one.name).toContain("winograd");
    expect(await parity(cases, wasm, createReferenceBackend())).toEqual([]);
  },
);

test("has the same bits with any number of threads and tiles of either shape", { timeout: 60_000 }, async () => {
  const backends = [
    await backend({ variant: "wide", inline: true }),
    await backend({ variant: "narrow", inline: true }),
    ...(await Promise.all([2, 3].map((threads) => backend({ variant: "wide", threads })))),
  ];
  expect(await sameBits(cases, backends)).toEqual([]);
});

test("a filter gradient needs many patches", async () => {
  const wasm = await backend({ variant: "wide", inline: true });
  const few = await kernels(wasm, convolution([31, 8, 8, 16], [3, 3, 16, 16]));
  const enough = await kernels(wasm, convolution([32, 8, 8, 16], [3, 3, 16, 16]));
  expect([few.has("winogradFilterGradient"), enough.has("winogradFilterGradient")]).toEqual([false, true]);
});

test("what it does not suit stays direct", async () => {
  const wasm = await backend({ variant: "wide", inline: true });
  const direct = [
    convolution([2, 8, 8, 3], [3, 3, 3, 16]),
    convolution([2, 8, 8, 16], [5, 5, 16, 16]),
    convolution([2, 5, 5, 32], [3, 3, 32, 32]),
    convolution([2, 7, 7, 8], [3, 3, 8, 8]),
    opCase("stride 2", [normal(2, 8, 8, 16), normal(3, 3, 16, 16)], ([x, w]) => [conv2d(x!, w!, { stride: 2 })]),
    opCase("dilation 2", [normal(2, 8, 8, 16), normal(3, 3, 16, 16)], ([x, w]) => [conv2d(x!, w!, { dilation: 2 })]),
    opCase("groups 2", [normal(2, 8, 8, 32), normal(3, 3, 16, 32)], ([x, w]) => [conv2d(x!, w!, { groups: 2 })]),
  ];
  for (const one of direct) expect(await kernels(wasm, one), one.name).not.toContain("winograd");
});

test("a numerics profile can be asked for by its name", async () => {
  const older = await backend({ profile: "wasm-fma-c24", inline: true });
  expect(older.profile.id).toBe("wasm-fma-c24");
  expect(await kernels(older, cases[0]!)).not.toContain("winograd");
  expect(await parity(cases.slice(0, 3), older, createReferenceBackend())).toEqual([]);
  const plain = await backend({ profile: "wasm-c24", inline: true });
  expect([plain.variant, plain.profile.id]).toEqual(["simd128", "wasm-c24"]);
  await expect(createWasmBackend({ profile: "wasm-c9" })).rejects.toThrow(
    "wasm: there is no numerics profile wasm-c9; there are wasm-fma-c24-w4, wasm-c24-w4, wasm-fma-c24, wasm-c24",
  );
  await expect(createWasmBackend({ variant: "plain", profile: "wasm-fma-c24" })).rejects.toThrow(
    "wasm: variant plain does not have profile wasm-fma-c24",
  );
});
