import { DataError, FinchError } from "../../../engine/errors.ts";
import { input } from "../../../engine/record.ts";
import type { ComputeOp } from "../../../engine/plan/passes/constant-folding.ts";
import { Call, type Operand } from "./call.ts";
import { computed } from "./computed.ts";
import { fold } from "./fold.ts";
import { short, type ImportModel, type ImportNode } from "./model.ts";
import { alternatives, operators } from "./operators.ts";
import { View } from "./view.ts";

/** What each name of the model stands for. */
export type Values = ReadonlyMap<string, Operand>;

/** Channels of an image; what has fewer is taken for them when the layout is not said. */
const mostChannels = 4;

export type Layout = "NCHW" | "NHWC" | "as it is";

/** Images are fed channels last, whatever the model takes. */
function inputView({ input: { shape } }: ImportModel, layout: Layout): View {
  if (layout === "NCHW" && shape.length === 4) {
    const order = [0, 2, 3, 1];
    return View.of(
      input(
        "images",
        order.map((axis) => shape[axis]!),
      ),
      order,
    );
  }
  return View.of(input("images", shape));
}

/** The layout of [n,c,h,w] or [n,h,w,c], told by which axis has the few channels. */
export function layoutOf({ input: { name, shape } }: ImportModel): Layout {
  const [, first, , last] = shape;
  if (shape.length !== 4)
    throw new DataError(
      `onnx: input ${short(name)} has shape [${shape.join(",")}], expected an image [1,c,h,w] or [1,h,w,c]`,
    );
  if (first! <= mostChannels) return "NCHW";
  return last! <= mostChannels ? "NHWC" : "NCHW";
}

/** A name for weights, of letters that every tool takes: names of files are not to be trusted. */
function layerNames(nodes: readonly ImportNode[]): string[] {
  const taken = new Set<string>();
  return nodes.map(({ name, opType }) => {
    const plain = name
      .replace(/[^A-Za-z0-9_.]+/g, ".")
      .replace(/^[._]+|[._]+$/g, "")
      .slice(-60);
    let unique = plain === "" ? opType.replace(/[^A-Za-z0-9]/g, "") : plain;
    for (let count = 2; taken.has(unique); count++) unique = `${plain}.${count}`;
    taken.add(unique);
    return unique;
  });
}

/** Records all nodes in order. @throws DataError for an operator or operand that cannot be imported */
export function execute(model: ImportModel, layout: Layout, compute: ComputeOp): Values {
  const values = new Map<string, Operand>(model.constants);
  values.set(model.input.name, inputView(model, layout));
  const names = layerNames(model.nodes);
  model.nodes.forEach((node, index) => {
    const inputs = node.inputs.map((name) => (name === "" ? undefined : values.get(name)));
    const call = new Call(node, inputs, model.opset, names[index]!);
    const outputs = run(call, compute);
    node.outputs.forEach((name, at) => {
      const output = outputs[at];
      if (name !== "" && output !== undefined) values.set(name, output);
    });
  });
  return values;
}

function run(call: Call, compute: ComputeOp): readonly Operand[] {
  const { opType } = call.node;
  try {
    const row = Object.hasOwn(operators, opType) ? operators[opType] : undefined;
    const folded = fold(call);
    if (folded !== undefined) return folded;
    if (row !== undefined) return call.isKnown ? row(call).map((output) => computed(output, compute)) : row(call);
  } catch (error) {
    if (error instanceof FinchError && !error.message.startsWith("onnx: node")) return call.fail(error.message);
    throw error;
  }
  const nearest = Object.hasOwn(alternatives, opType) ? `; the nearest alternative is ${alternatives[opType]}` : "";
  return call.fail(`the operator is not supported${nearest}`);
}
