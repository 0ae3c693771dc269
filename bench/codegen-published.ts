import type { CodegenRow } from "./rows.ts";

/**
 * ResNet-8 of MLPerf Tiny in int8, which `resnet8` is, as the authors of MLonMCU and muRISCV-NN report it; memory is
 * that of the whole program. TVM imports no network in integers since Relax (QLinearConv is missing, QDQ computes in
 * float32), so that these stand in for a row of its own.
 */
const source = "MLonMCU (van Kempen et al. 2023, arXiv:2306.08951) and muRISCV-NN; not measured here";

const published = [
  { generator: "tvm", instructions: 82_400_000, ramBytes: 125_000 },
  { generator: "tflm", instructions: 154_800_000, ramBytes: null },
  { generator: "muriscv-nn", instructions: 54_900_000, ramBytes: null },
] as const;

/** Figures of others beside rows of a network, where there are such. */
export function publishedRows(beside: CodegenRow): CodegenRow[] {
  const { suite, model, precision, target, macs } = beside;
  if (model !== "resnet8" || precision !== "int8" || target !== "rv32imc") return [];
  return published.map(({ generator, instructions, ramBytes }) => ({
    ...{ suite, model, precision, target, macs, generator, instructions, ramBytes, source },
    plan: "default",
    build: null,
    origin: "published",
    instructionsPerMac: instructions / macs,
    textBytes: null,
    rodataBytes: null,
    arenaBytes: null,
    inputBytes: null,
    outputBytes: null,
    stackBytes: null,
    ofTvm: null,
    ofTvmScheduled: null,
  }));
}
