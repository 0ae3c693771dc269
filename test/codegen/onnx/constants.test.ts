import { create, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { generate } from "../../../codegen/index.ts";
import { importClassifier } from "../../../codegen/onnx/import/import.ts";
import {
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProto_DataType,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from "../../../codegen/onnx/onnx_pb.ts";
import { randomNormal } from "../../../engine/random.ts";
import { computeOp } from "../../../kernels/reference/index.ts";
import { CProgram, shareOfTolerance, strict } from "../c-program.ts";
import { runOnnxruntime } from "./models.ts";

test("what a model computes of its constants alone is computed when it is imported", async () => {
  const shape = [1, 3, 4, 4];
  const values = (name: string) =>
    create(ValueInfoProtoSchema, {
      name,
      type: {
        value: {
          case: "tensorType",
          value: {
            elemType: TensorProto_DataType.FLOAT,
            shape: { dim: shape.map((size) => ({ value: { case: "dimValue" as const, value: BigInt(size) } })) },
          },
        },
      },
    });
  const node = (opType: string, input: string[], output: string) =>
    create(NodeProtoSchema, { opType, name: output, input, output: [output] });
  const random = (key: number): number[] => Array.from({ length: 48 }, (_, i) => randomNormal(key, i));
  const bytes = toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 8n,
      opsetImport: [{ version: 14n }],
      graph: {
        name: "constants",
        input: [values("x")],
        output: [create(ValueInfoProtoSchema, { name: "y", type: { value: values("y").type!.value } })],
        initializer: [
          create(TensorProtoSchema, {
            name: "table",
            dims: shape.map(BigInt),
            dataType: TensorProto_DataType.FLOAT,
            floatData: random(1),
          }),
        ],
        node: [
          node("Softmax", ["table"], "weights"),
          node("Erf", ["weights"], "place"),
          node("Add", ["x", "place"], "sum"),
          node("GlobalAveragePool", ["sum"], "mean"),
          node("Flatten", ["mean"], "y"),
        ],
      },
    }),
  );
  const imported = importClassifier(bytes, { compute: computeOp });
  expect(imported.graph.layers.map(({ op }) => op)).toEqual(["add", "globalAveragePool"]);
  const image = Float32Array.from(random(2));
  const wanted = await runOnnxruntime({ name: "constants", bytes, imported, image });
  const code = generate({ graph: imported.graph, name: "constants" }, { target: "host", precision: "float32" });
  await using program = await CProgram.write([code]);
  const [found] = await program.runOnHost("gcc", strict, [image]);
  expect(shareOfTolerance(found!, wanted)).toBeLessThan(1);
});
