import type { Cells } from "../element.ts";
import type { GeneratedCode } from "../generate.ts";
import type { QuantizedGraph } from "../quantize/graph.ts";
import { selftestPicture, selftestTolerance, type SelftestVector } from "../selftest.ts";
import type { PackageFile } from "./facts.ts";

/** The known answers of the self-test as files, for a test bench that is not written in C. */
export function vectorFiles(
  code: GeneratedCode,
  vectors: readonly SelftestVector[],
  quantized: QuantizedGraph | undefined,
): PackageFile[] {
  const kind = { float32: "f32", int32: "i32", int8: "i8" }[code.outputElement as "float32" | "int32" | "int8"];
  const files = vectors.flatMap(({ seed, expected }, index): PackageFile[] => [
    { path: `extras/vectors/${index + 1}.input.u8`, content: selftestPicture(seed, code.inputShape) },
    { path: `extras/vectors/${index + 1}.output.${kind}`, content: littleEndian(expected) },
  ]);
  const index = {
    about: `Inputs as raw bytes in the layout of the network's input, before ${quantized === undefined ? "normalisation" : "they become its cells"}; outputs as little-endian ${code.outputElement}, by ${
      quantized === undefined ? "the engine with nothing folded" : "the interpreter of the network in integers"
    }. An implementation agrees when no output departs by more than the tolerance.`,
    inputShape: code.inputShape,
    outputSize: code.outputSize,
    vectors: vectors.map((vector, index) => ({
      input: `${index + 1}.input.u8`,
      output: `${index + 1}.output.${kind}`,
      seed: vector.seed,
      tolerance: selftestTolerance(vector, quantized),
      expected: Array.from(vector.expected),
    })),
  };
  return [{ path: "extras/vectors/vectors.json", content: `${JSON.stringify(index, null, 2)}\n` }, ...files];
}

function littleEndian(cells: Cells): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(cells.byteLength));
  cells.forEach((value, at) => {
    if (cells instanceof Float32Array) bytes.setFloat32(4 * at, value, true);
    else if (cells instanceof Int32Array) bytes.setInt32(4 * at, value, true);
    else bytes.setInt8(at, value);
  });
  return new Uint8Array(bytes.buffer);
}
