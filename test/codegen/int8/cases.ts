import type { ValueId } from "../../../engine/plan/inference.ts";
import type { Shape } from "../../../engine/shape.ts";
import { IntegerNetwork, type IntegerCase } from "./networks.ts";

/** Every op at even and odd sizes, with every step of an epilogue. */
export function integerCases(): IntegerCase[] {
  const cases: IntegerCase[] = [];
  const add = (
    name: string,
    shape: Shape,
    build: (n: IntegerNetwork, x: ValueId) => ValueId,
    extreme = false,
  ): void => {
    const network = new IntegerNetwork(cases.length, extreme);
    const input = network.value(shape[0] === 1 ? shape : [1, ...shape]);
    const x = shape[0] === 1 ? input : network.reshape(input, shape);
    cases.push(network.case(name, input, build(network, x)));
  };
  const same = [1, 1, 1, 1] as const;
  for (const extreme of [false, true]) {
    const size = extreme ? ", extreme" : "";
    add(
      `conv2d 3x3 same${size}`,
      [1, 8, 8, 4],
      (n, x) => n.conv2d(x, [3, 3], 8, { padding: same }, { steps: ["bias"] }),
      extreme,
    );
    add(
      `conv2d 3x3 of 64 channels${size}`,
      [1, 5, 6, 64],
      (n, x) => n.conv2d(x, [3, 3], 10, { padding: same }),
      extreme,
    );
    add(
      `conv2d 3x3 of 130 channels${size}`,
      [1, 3, 4, 130],
      (n, x) => n.conv2d(x, [3, 3], 3, { padding: same }),
      extreme,
    );
    add(`matmul${size}`, [6, 20], (n, x) => n.matmul(x, 9, undefined, { steps: ["bias"] }), extreme);
    add(`depthwise 3x3${size}`, [1, 9, 10, 5], (n, x) => n.depthwise(x, [3, 3], { padding: same }), extreme);
    add(`layer norm${size}`, [1, 4, 9], (n, x) => n.layerNorm(x, 0, { steps: ["bias"] }), extreme);
    add(`attention${size}`, [1, 16, 12], (n, x) => n.attention([x, n.lookup(x), n.lookup(x)], 3), extreme);
    add(`linear attention${size}`, [1, 16, 12], (n, x) => n.linearAttention([x, n.lookup(x), n.lookup(x)], 3), extreme);
  }
  add("conv2d 3x3 of even sizes, shortcut", [1, 6, 8, 6], (n, x) =>
    n.conv2d(x, [3, 3], 6, { padding: same }, { steps: ["bias", { add: x }, "relu"] }),
  );
  add("conv2d 3x3 of 4 columns, 3 tiles", [1, 6, 4, 3], (n, x) => n.conv2d(x, [3, 3], 5, { padding: same }), true);
  add("conv2d 3x3 odd", [1, 13, 17, 5], (n, x) =>
    n.conv2d(x, [3, 3], 9, { padding: same }, { steps: ["bias", "relu"] }),
  );
  add("conv2d 3x3 stride 2", [1, 16, 16, 3], (n, x) =>
    n.conv2d(x, [3, 3], 8, { padding: [0, 1, 0, 1], stride: [2, 2] }, { result: "table" }),
  );
  add("conv2d 5x3 stride 2x3", [1, 12, 14, 3], (n, x) =>
    n.conv2d(x, [5, 3], 4, { padding: [2, 1, 0, 2], stride: [2, 3] }),
  );
  add("conv2d wide padding", [1, 3, 3, 2], (n, x) => n.conv2d(x, [3, 3], 5, { padding: [3, 3, 3, 3] }));
  add("conv2d wide padding, stride 4", [1, 4, 5, 1], (n, x) =>
    n.conv2d(x, [2, 2], 3, { padding: [5, 6, 4, 7], stride: [4, 4] }),
  );
  add("conv2d kernel larger than image", [1, 2, 2, 3], (n, x) => n.conv2d(x, [5, 5], 4, { padding: [2, 2, 2, 2] }));
  add("conv2d 1x1", [1, 5, 7, 12], (n, x) => n.conv2d(x, [1, 1], 10, {}, { steps: ["bias", "activation"] }));
  add("conv2d 1x1 stride 2", [1, 7, 8, 6], (n, x) => n.conv2d(x, [1, 1], 12, { stride: [2, 2] }));
  add("conv2d 1x1 padded", [1, 3, 4, 3], (n, x) => n.conv2d(x, [1, 1], 5, { padding: same }, { steps: ["bias"] }));
  add("conv2d dilated", [1, 9, 10, 3], (n, x) => n.conv2d(x, [3, 3], 5, { dilation: [2, 2], padding: same }));
  add("conv2d dilated, taps on both sides", [1, 2, 3, 2], (n, x) =>
    n.conv2d(x, [2, 2], 3, { dilation: [4, 4], padding: [3, 3, 3, 3] }),
  );
  add("conv2d in groups, shortcut, logits", [1, 7, 6, 12], (n, x) =>
    n.conv2d(x, [3, 3], 12, { groups: 3, padding: same }, { steps: ["bias", { add: x }, "relu"], result: "int32" }),
  );
  add("conv2d, sum after relu, activation, sum", [1, 6, 6, 8], (n, x) =>
    n.conv2d(
      x,
      [3, 3],
      8,
      { padding: same },
      { steps: ["bias", "relu", { add: x }, "bias", "activation", { add: x }], result: "int8" },
    ),
  );
  add("conv2d with one multiplier, small shift", [1, 4, 5, 1], (n, x) =>
    n.conv2d(x, [1, 1], 3, {}, { shift: 24, single: true }),
  );
  add("conv2d with large shift", [1, 4, 5, 6], (n, x) => n.conv2d(x, [3, 3], 3, {}, { shift: 56 }));
  add("depthwise 3x3 stride 2", [1, 9, 8, 4], (n, x) =>
    n.depthwise(x, [3, 3], { padding: same, stride: [2, 2] }, { steps: ["bias", "relu"] }),
  );
  add("depthwise 5x5 stride 2", [1, 8, 8, 5], (n, x) =>
    n.depthwise(x, [5, 5], { padding: [2, 2, 2, 2], stride: [2, 2] }, { steps: ["activation"] }),
  );
  add("depthwise 7x7", [1, 9, 6, 2], (n, x) => n.depthwise(x, [7, 7], { padding: [3, 3, 3, 3] }, { single: true }));
  add("depthwise 2x3 wide padding", [1, 3, 4, 2], (n, x) =>
    n.depthwise(x, [2, 3], { padding: [4, 3, 5, 2], stride: [1, 2] }),
  );
  add("depthwise dilated, shortcut", [1, 9, 11, 4], (n, x) => {
    const y = n.lookup(x);
    return n.depthwise(y, [3, 3], { dilation: [2, 3], padding: [2, 2, 3, 3] }, { steps: ["bias", { add: y }] });
  });
  for (const transposeA of [false, true])
    for (const transposeB of [false, true]) {
      add(`matmul ${transposeA} ${transposeB}`, [5, 7], (n, x) =>
        n.matmul(x, 6, { transposeA, transposeB }, { result: "int32" }),
      );
      add(`product ${transposeA} ${transposeB}`, [5, 5], (n, x) =>
        n.product(x, n.lookup(x), { transposeA, transposeB }, { steps: ["bias"] }),
      );
    }
  add("product of matrices", [1, 3, 4, 5], (n, x) =>
    n.product(x, n.lookup(x), { transposeA: false, transposeB: true }, { steps: ["bias"] }),
  );
  add("matmul of one row", [1, 33], (n, x) => n.matmul(x, 10, undefined, { steps: ["bias"], result: "int32" }));
  add("affine", [1, 3, 4, 5], (n, x) => n.affine(x, { steps: ["bias", "relu"] }));
  add("add", [1, 3, 4, 5], (n, x) => n.add(x, n.lookup(x), { single: true }));
  add("add to itself, in place", [1, 3, 4, 5], (n, x) => {
    const y = n.lookup(x);
    return n.add(y, y);
  });
  add("add a table", [1, 3, 4, 5], (n, x) =>
    n.add(n.constant([1, 3, 4, 5], x), n.lookup(x), { steps: ["activation"] }),
  );
  add("sum with a table in an epilogue", [1, 3, 4, 5], (n, x) =>
    n.affine(x, { steps: [{ add: n.constant([1, 3, 4, 5], x) }, { add: x }] }),
  );
  add("multiply", [1, 3, 4, 5], (n, x) => n.multiply(x, n.lookup(x), { result: "table" }));
  for (const op of ["maxPool", "averagePool", "mixPool"] as const) {
    add(op, [1, 8, 8, 5], (n, x) => n.pool(op, x, [2, 2], [2, 2], [0, 0, 0, 0]));
    add(`${op} 3x3 stride 2`, [1, 9, 7, 3], (n, x) => n.pool(op, x, [3, 3], [2, 2], same, { steps: ["bias"] }));
    add(`${op} 5x5`, [1, 7, 6, 3], (n, x) => n.pool(op, x, [5, 5], [2, 2], [2, 2, 2, 2], { single: true }));
    add(`${op} 3x2 with a sum`, [1, 6, 5, 4], (n, x) =>
      n.pool(op, x, [3, 2], [1, 1], [1, 1, 0, 1], { steps: [{ add: x }] }),
    );
  }
  add("global average pool", [1, 5, 3, 7], (n, x) => n.globalAveragePool(x, { steps: ["relu"] }));
  add("layer norm of many channels", [1, 3, 700], (n, x) => n.layerNorm(x, 40));
  add("layer norm, epsilon of 40 bits, in place", [1, 4, 24], (n, x) =>
    n.layerNorm(n.lookup(x), 2 ** 40 + 5, { steps: ["bias", "relu"] }),
  );
  add("layer norm of one value", [1, 4, 6], (n, x) => n.layerNorm(n.multiply(x, x, { shift: 54 }), 0));
  add("softmax", [1, 2, 3, 10], (n, x) => n.softmax(n.lookup(x)));
  add("attention of odd sizes, in place", [1, 15, 9], (n, x) => n.attention([n.lookup(x), x, x], 3));
  add("attention of two tokens", [1, 2, 5], (n, x) => n.attention([x, x, x], 1));
  add("attention of many tokens", [1, 270, 4], (n, x) => n.attention([x, n.lookup(x), x], 1));
  add("linear attention of odd sizes, in place", [1, 15, 21], (n, x) => n.linearAttention([n.lookup(x), x, x], 3));
  add("concat of channels with a table", [1, 3, 4, 5], (n, x) => n.concat([x, n.constant([1, 3, 4, 2], x), x], 3));
  add("concat below each other", [1, 3, 4, 5], (n, x) => n.concat([x, x], 1));
  add("slice", [1, 6, 5, 8], (n, x) => n.slice(x, [0, 1, 2, 3], [1, 4, 2, 4]));
  add("pad", [1, 4, 5, 3], (n, x) => n.pad(x, [0, 1, 2, 0], [0, 0, 3, 1]));
  add("transpose", [1, 2, 3, 4], (n, x) => n.transpose(x, [0, 3, 1, 2]));
  add("reshape of the input", [1, 2, 3, 4], (n, x) => n.reshape(x, [1, 24]));
  add("residual", [1, 8, 8, 6], (n, x) => {
    const stem = n.conv2d(x, [3, 3], 6, { padding: same }, { steps: ["bias"] });
    const first = n.conv2d(stem, [3, 3], 6, { padding: same }, { steps: ["bias"] });
    const sum = n.conv2d(first, [3, 3], 6, { padding: same }, { steps: ["bias", { add: stem }] });
    return n.matmul(n.globalAveragePool(sum), 7, undefined, { steps: ["bias"], result: "int32" });
  });
  return cases;
}

/** Convolutions whose kernels a plan for size writes once, for more than one step of products at a turn. */
export function sharingCases(): IntegerCase[] {
  const network = new IntegerNetwork(7, false);
  const same = [1, 1, 1, 1] as const;
  const input = network.value([1, 42, 39, 3]);
  const stem = network.conv2d(input, [3, 3], 16, { padding: same }, { steps: ["bias", "relu"] });
  const first = network.conv2d(stem, [3, 3], 16, { padding: same }, { steps: ["bias"] });
  const second = network.conv2d(first, [3, 3], 16, { padding: same }, { steps: ["bias", { add: stem }] });
  const strided = { padding: [0, 1, 0, 1], stride: [2, 2] } as const;
  const narrow = network.conv2d(second, [3, 3], 8, strided, { steps: ["bias", "relu"] });
  const tall = network.conv2d(narrow, [5, 3], 8, { padding: [2, 2, 1, 1] }, { steps: ["bias"] });
  const last = network.conv2d(tall, [1, 1], 8, {}, { steps: ["bias", "relu", { add: narrow }] });
  return [network.case("convolutions that share a kernel", input, last)];
}
