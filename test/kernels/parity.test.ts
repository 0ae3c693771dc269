import { afterAll, describe, expect, it } from "vitest";
import { createReferenceBackend } from "../../kernels/reference/index.ts";
import { lowerings } from "../../kernels/wasm/lowerings.ts";
import { createWasmBackend } from "../../kernels/wasm/node/index.ts";
import { parity, recordCase } from "../op-cases/harness.ts";
import { opCases } from "../op-cases/index.ts";
import type { OpCase } from "../op-cases/case.ts";

const reference = createReferenceBackend();
const variants = ["wide", "plain"] as const;
const wasm = await Promise.all(variants.map((variant) => createWasmBackend({ threads: 1, variant })));
afterAll(() => Promise.all(wasm.map((backend) => backend.dispose())));

const lowered = (opCase: OpCase): boolean => recordCase(opCase).graph.ops.every(({ op }) => op in lowerings);

describe.each(Object.entries(opCases))("%s on wasm", (_, cases) => {
  it.each(wasm.map((backend) => [backend.variant, backend] as const))(
    "agrees with the reference (%s)",
    { timeout: 60_000 },
    async (_, backend) => {
      expect(await parity(cases.filter(lowered), backend, reference)).toEqual([]);
    },
  );
});
