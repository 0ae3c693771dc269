import type { GeneratedCode } from "../generate.ts";
import { selftestPicture, selftestTolerance, type SelftestVector } from "../selftest.ts";
import type { PackageFile } from "./facts.ts";

/** The known answers of the self-test as files, for a test bench that is not written in C. */
export function vectorFiles(code: GeneratedCode, vectors: readonly SelftestVector[]): PackageFile[] {
  const files = vectors.flatMap(({ seed, expected }, index): PackageFile[] => {
    const values = new DataView(new ArrayBuffer(4 * expected.length));
    expected.forEach((value, at) => values.setFloat32(4 * at, value, true));
    return [
      { path: `extras/vectors/${index + 1}.input.u8`, content: selftestPicture(seed, code.inputShape) },
      { path: `extras/vectors/${index + 1}.output.f32`, content: new Uint8Array(values.buffer) },
    ];
  });
  const index = {
    about:
      "Inputs as raw bytes in the layout of the network's input, before normalisation; outputs as little-endian float32, " +
      "by the engine with nothing folded. An implementation agrees when no output departs by more than the tolerance.",
    inputShape: code.inputShape,
    outputSize: code.outputSize,
    vectors: vectors.map((vector, index) => ({
      input: `${index + 1}.input.u8`,
      output: `${index + 1}.output.f32`,
      seed: vector.seed,
      tolerance: selftestTolerance(vector),
      expected: Array.from(vector.expected),
    })),
  };
  return [{ path: "extras/vectors/vectors.json", content: `${JSON.stringify(index, null, 2)}\n` }, ...files];
}
