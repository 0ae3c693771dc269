import { afterAll, describe, expect, it } from "vitest";
import { createReferenceBackend } from "../../kernels/reference/index.ts";
import { createWasmBackend } from "../../kernels/wasm/node/index.ts";
import { parity, sameBits } from "../op-cases/harness.ts";
import { opCases } from "../op-cases/index.ts";

const families = Object.entries(opCases);
const reference = createReferenceBackend();
const wide = await createWasmBackend({ variant: "wide", inline: true });
const narrow = await createWasmBackend({ variant: "narrow", inline: true });
const plain = await createWasmBackend({ variant: "plain", inline: true });
const threaded = await Promise.all([1, 2, 3].map((threads) => createWasmBackend({ variant: "wide", threads })));
const all = [wide, narrow, plain, ...threaded];
afterAll(() => Promise.all(all.map((backend) => backend.dispose())));

describe.each(families)("%s on wasm", (_, cases) => {
  it.each([wide, plain].map((backend) => [backend.variant, backend] as const))(
    "agrees with the reference (%s)",
    { timeout: 60_000 },
    async (_, backend) => {
      expect(await parity(cases, backend, reference)).toEqual([]);
    },
  );

  it("has the same bits with 1, 2 and 3 threads and with tiles of either shape", { timeout: 60_000 }, async () => {
    expect(narrow.profile).toEqual(wide.profile);
    expect(await sameBits(cases, [wide, narrow, ...threaded])).toEqual([]);
  });
});
