import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { generate } from "../../../codegen/index.ts";
import { importClassifier } from "../../../codegen/onnx/import/import.ts";
import { ModelProtoSchema, StringStringEntryProtoSchema } from "../../../codegen/onnx/onnx_pb.ts";
import { computeOp } from "../../../kernels/reference/index.ts";
import { CProgram, shareOfTolerance, strict } from "../c-program.ts";
import { exportedModels } from "./models.ts";

/** Names that try to end what they stand in. */
const hostile = [
  "*/ int evil = 1; /*",
  '"; system("rm -rf /"); //',
  "line\nbreak\r\n#define float int",
  "back\\slash\\\ncontinued",
  "??/ trigraph ??=define x",
  "/* nested */ // comment",
  "%s%n%x",
  "naïve 名前 🦊 \u202e",
  "\u0000nul\u0007bell",
  "x".repeat(10_000),
  "",
  "__proto__",
  "constructor",
];

test("names of nodes, tensors and classes reach C as plain text only", async () => {
  const { bytes, image, imported } = (await exportedModels()).find(({ name }) => name === "mobilenet-v2")!;
  const model = fromBinary(ModelProtoSchema, bytes);
  const graph = model.graph!;
  const renamed = new Map<string, string>();
  const rename = (name: string): string => {
    if (name === "") return name;
    const known = renamed.get(name) ?? `${hostile[renamed.size % hostile.length]!}${renamed.size}`;
    renamed.set(name, known);
    return known;
  };
  graph.name = hostile[0]!;
  model.producerName = hostile[1]!;
  model.metadataProps = hostile.map((key) => create(StringStringEntryProtoSchema, { key, value: key }));
  for (const node of graph.node) {
    node.name = rename(`node ${node.name}`);
    node.docString = hostile[2]!;
    node.input = node.input.map(rename);
    node.output = node.output.map(rename);
  }
  for (const named of [...graph.initializer, ...graph.input, ...graph.output, ...graph.valueInfo])
    named.name = rename(named.name);
  const network = importClassifier(toBinary(ModelProtoSchema, model), { compute: computeOp });
  // The command refuses longer names of classes, which C compilers need not take.
  const classes = hostile.slice(0, 10).map((name) => name.slice(0, 1000));
  const safe = generate(
    { graph: imported.graph, name: "plain" },
    { target: "host", precision: "float32", prefix: "plain" },
  );
  const code = generate(
    { graph: network.graph, name: hostile.join(" "), classes },
    { target: "host", precision: "float32", prefix: "hostile" },
  );
  for (const { text } of code.files) {
    expect([...text].filter((letter) => letter !== "\n" && (letter < " " || letter > "~"))).toEqual([]);
  }
  for (const { name } of network.graph.layers) expect(name).toMatch(/^[A-Za-z0-9_.]{1,80}$/);
  await using program = await CProgram.write([safe, code], { together: true });
  const [plain, odd] = await program.runOnHost("gcc", [...strict, "-Wcomment", "-Wtrigraphs", "-O0"], [image, image]);
  expect(shareOfTolerance(odd!, plain!)).toBeLessThan(0.01);
});
