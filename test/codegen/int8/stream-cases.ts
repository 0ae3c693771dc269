import type { ValueId } from "../../../engine/plan/inference.ts";
import type { Pair } from "../../../engine/shape.ts";
import { IntegerNetwork, type IntegerCase } from "./networks.ts";

/** Layers of every kind that runs row by row, each between two others, so that rows of its operands lie in rings. */
export function streamCases(): IntegerCase[] {
  const cases: IntegerCase[] = [];
  const add = (name: string, build: (n: IntegerNetwork, x: ValueId) => ValueId, size: Pair = [13, 10]): void => {
    const n = new IntegerNetwork(100 + cases.length);
    const input = n.value([1, ...size, 4]);
    const before = n.conv2d(input, [3, 3], 6, { padding: same }, { steps: ["bias"] });
    const after = n.depthwise(build(n, before), [3, 3], { padding: same });
    cases.push(n.case(name, input, n.globalAveragePool(after, { result: "int32" })));
  };
  const same = [1, 1, 1, 1] as const;
  add("conv2d 3x3", (n, x) => n.conv2d(x, [3, 3], 7, { padding: same }));
  add(
    "conv2d 3x3 of even sizes, shortcut",
    (n, x) => n.conv2d(x, [3, 3], 6, { padding: same }, { steps: ["relu", { add: x }] }),
    [64, 8],
  );
  add("conv2d 3x3 stride 2", (n, x) => n.conv2d(x, [3, 3], 5, { padding: [0, 1, 0, 1], stride: [2, 2] }));
  add("conv2d 5x3 stride 2x3", (n, x) => n.conv2d(x, [5, 3], 4, { padding: [2, 1, 0, 2], stride: [2, 3] }));
  add("conv2d without padding", (n, x) => n.conv2d(x, [4, 2], 3));
  add("conv2d wide padding", (n, x) => n.conv2d(x, [3, 3], 3, { padding: [3, 3, 3, 3] }));
  add("conv2d dilated", (n, x) => n.conv2d(x, [3, 3], 5, { dilation: [2, 2], padding: same }));
  add("conv2d 1x1", (n, x) => n.conv2d(x, [1, 1], 9, {}, { steps: ["bias", "activation"] }));
  add("conv2d 1x1 stride 2", (n, x) => n.conv2d(x, [1, 1], 9, { stride: [2, 2] }));
  add("conv2d in groups, shortcut", (n, x) =>
    n.conv2d(x, [3, 3], 6, { groups: 3, padding: same }, { steps: ["bias", { add: x }, "relu"] }),
  );
  add("residual blocks", (n, x) => {
    const first = n.conv2d(x, [3, 3], 6, { padding: same }, { steps: ["bias", "relu"] });
    const second = n.conv2d(first, [3, 3], 6, { padding: same }, { steps: ["relu", { add: x }, "bias"] });
    const third = n.conv2d(second, [3, 3], 5, { padding: same }, { steps: ["bias", "relu"] });
    const shortcut = n.conv2d(second, [1, 1], 6);
    return n.conv2d(third, [3, 3], 6, { padding: same }, { steps: [{ add: shortcut }, "activation"] });
  });
  add("depthwise 3x3", (n, x) => n.depthwise(x, [3, 3], { padding: same }, { steps: [{ add: x }] }));
  add("depthwise 5x5 stride 2", (n, x) => n.depthwise(x, [5, 5], { padding: [2, 2, 2, 2], stride: [2, 2] }));
  add("depthwise 7x7", (n, x) => n.depthwise(x, [7, 7], { padding: [3, 3, 3, 3] }));
  add("depthwise dilated", (n, x) => n.depthwise(x, [3, 2], { dilation: [3, 2], padding: [3, 3, 1, 1] }));
  for (const op of ["maxPool", "averagePool", "mixPool"] as const) {
    add(`${op} 2x2`, (n, x) => n.pool(op, x, [2, 2], [2, 2], [0, 0, 0, 0]));
    add(`${op} 3x3 stride 2`, (n, x) => n.pool(op, x, [3, 3], [2, 2], same, { steps: ["bias"] }));
    add(`${op} 5x5`, (n, x) => n.pool(op, x, [5, 5], [1, 1], [2, 2, 2, 2], { steps: [{ add: x }] }));
  }
  for (const op of ["attention", "linearAttention"] as const)
    for (const size of [
      [13, 10],
      [4, 8],
      [9, 3],
    ] as const)
      add(
        `${op} of ${size.join("x")}`,
        (n, x) => {
          const tokens = (): ValueId => n.reshape(n.conv2d(x, [1, 1], 12), [1, size[0] * size[1], 12]);
          const mixed = n[op]([tokens(), tokens(), tokens()], 2);
          return n.conv2d(n.reshape(mixed, [1, ...size, 12]), [1, 1], 3);
        },
        size,
      );
  add("affine", (n, x) => n.affine(x, { steps: ["bias", "relu"] }));
  add("add", (n, x) => n.add(n.depthwise(x, [3, 3], { padding: same }), n.lookup(x)));
  add("add a table", (n, x) =>
    n.add(n.constant([1, 13, 10, 6], x), x, { steps: [{ add: n.constant([1, 13, 10, 6], x) }] }),
  );
  add("multiply", (n, x) => n.multiply(n.lookup(x), x));
  return cases;
}
