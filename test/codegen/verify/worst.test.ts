import { expect, test } from "vitest";
import { checkWorst, findWorstInput, type WorstRequest } from "../../../codegen/verify/worst.ts";
import { tinyCode, tinyReference, wrongCode } from "./tiny-model.ts";
import { describeWithTools } from "./with-tools.ts";

const request: WorstRequest = {
  code: tinyCode,
  starts: [new Uint8Array(48).fill(128), Uint8Array.from({ length: 48 }, (_, i) => 5 * i)],
  inputOf: (bytes) => Float32Array.from(bytes, (byte) => Math.sin(byte - 128)),
  reference: (inputs) => Promise.resolve(inputs.map((input) => tinyReference(input as Float32Array))),
  evaluations: 40,
  seed: 3,
};

await describeWithTools("the worst input", ["gcc"], () => {
  test("has a larger error than those that the search begins with; the seed decides it", async () => {
    const worst = await findWorstInput(request);
    expect(worst.evaluations).toBe(40);
    expect(worst.maxAbsError).toBeGreaterThan(worst.startMaxAbsError);
    expect(worst.ofTolerance).toBeLessThan(0.2);
    expect(() => checkWorst(worst)).not.toThrow();
    expect(await findWorstInput(request)).toEqual(worst);
    expect((await findWorstInput({ ...request, evaluations: 3 })).evaluations).toBe(3);
  });

  test("is found where the first images show nothing", async () => {
    // A weight that is off meets zeros alone.
    const starts = [new Uint8Array(48).fill(128)];
    const worst = await findWorstInput({ ...request, code: wrongCode, starts });
    expect(() => checkWorst(worst)).toThrow(
      /disagrees with engine for an input that a search over 40 found: error \d\.\d\de-[345]/,
    );
  });
});
