import { test } from "vitest";
import { roundNetworkWeights } from "../../../codegen/index.ts";
import { networkCases } from "../graphs.ts";
import { integerCases } from "../int8/cases.ts";
import { streamCases } from "../int8/stream-cases.ts";
import { describeWithTools, riscvTools } from "../verify/with-tools.ts";
import { expectInterpretedByVectors, expectReferenceByVectors } from "./by-vectors.ts";

const floats = networkCases().filter(({ name }) =>
  /vision|residual|inverted|odd|softmax|layer norm|mixPool/.test(name),
);
const rounded = floats
  .filter(({ name }) => /vision|inverted/.test(name))
  .map(({ name, graph, image }) => ({ name: `${name}, int8 weights`, graph: roundNetworkWeights(graph), image }));
const cases = [...floats, ...rounded];

await describeWithTools("C with vectors under QEMU", ["clang-19", ...riscvTools], () => {
  test.each([
    ["rv64gcv", [128, 256]],
    ["rv32imafc_zve32f", [128]],
  ] as const)("%s agrees with the reference for registers of %j bits", async (target, vectorBits) => {
    await expectReferenceByVectors(cases, target, vectorBits);
  });

  test("kernels that layers share agree with the reference for registers of 128 and 512 bits", async () => {
    await expectReferenceByVectors(cases, "rv64gcv", [128, 512], "size");
  });

  test("rows of queries agree with the reference and the interpreter", async () => {
    await expectReferenceByVectors(
      floats.filter(({ name }) => /vision/.test(name)),
      "rv64gcv",
      [128, 256],
      "ram",
    );
    const integers = streamCases().filter(({ name }) => /attention/i.test(name));
    await expectInterpretedByVectors(integers, "rv64gcv", [128, 256], "ram");
  });

  const once = integerCases().map((each) => ({ ...each, images: each.images.slice(0, 1) }));

  test("integers are equal to the interpreter for registers of 128 and 256 bits", async () => {
    await expectInterpretedByVectors(once, "rv64gcv", [128, 256]);
  });

  test("integers of kernels that layers share are equal to the interpreter for registers of 128 and 512 bits", async () => {
    const sharing = once.filter(({ name }) => /conv2d|depthwise|pool|residual/i.test(name));
    await expectInterpretedByVectors(sharing, "rv64gcv", [128, 512], "size");
  });
});
