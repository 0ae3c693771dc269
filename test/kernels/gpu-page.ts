import { buildGraph } from "../../engine/graph.ts";
import { softmax } from "../../engine/ops/softmax.ts";
import { input } from "../../engine/record.ts";
import { createGpuBackend, type GpuJs, type GpuMode } from "../../kernels/gpu/index.ts";
import { createReferenceBackend } from "../../kernels/reference/index.ts";
import { conv2dCases } from "../op-cases/conv2d.ts";
import { elementwiseCases } from "../op-cases/elementwise.ts";
import { parity } from "../op-cases/harness.ts";
import { matmulCases } from "../op-cases/matmul.ts";

// Runs in a page: what it exports can be called from gpu.test.ts.

interface Checked {
  readonly failures: readonly string[];
  readonly cases: number;
  readonly refusal: string;
}

const library = (globalThis as unknown as { GPU: GpuJs }).GPU;

const cases = [
  ...conv2dCases.slice(0, 14).filter(({ bench }) => !bench),
  ...conv2dCases.filter(({ name, bench }) => /dilation|groups/.test(name) && !bench).slice(0, 7),
  ...matmulCases.slice(0, 5),
  ...elementwiseCases.filter(({ name, bench }) => /^(relu|add of itself)/.test(name) && !bench),
];

/** Compares the cases with the reference back end, in this page. */
export async function check(mode: GpuMode): Promise<Checked> {
  const backend = createGpuBackend(library, { mode });
  const failures = await parity(cases, backend, createReferenceBackend());
  let refusal = "";
  try {
    await backend.compile(buildGraph({ y: softmax(input("x", [3])) }));
  } catch (error) {
    refusal = String(error);
  }
  await backend.dispose();
  return { failures, cases: cases.length, refusal };
}

/** What is said when the mode is not to be had here. */
export async function refusalOf(mode: GpuMode): Promise<string> {
  try {
    await parity(cases.slice(0, 1), createGpuBackend(library, { mode }), createReferenceBackend());
    return "";
  } catch (error) {
    return String(error);
  }
}
