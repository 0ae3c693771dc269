import { circumstances } from "../../../bench/circumstances.ts";
import { doctor } from "../../../codegen/verify/doctor.ts";
import type { VerifyRow } from "../../../codegen/verify/verify.ts";

/** What was measured, with what. */
export async function verifyNotes(images: number, softFloatImages: number): Promise<string> {
  const wanted = [
    "gcc",
    "clang",
    "riscv64-unknown-elf-gcc",
    "picolibc",
    "qemu-system-riscv32",
    "tvm",
    "onnxruntime-node",
  ];
  const { tools } = await doctor();
  const versions = tools.filter(({ name }) => wanted.includes(name)).map(({ name, version }) => `${name} ${version}`);
  const { date, processor, node } = circumstances();
  return [
    `\`npm run test:full\`, ${date}, ${processor}, Node ${node}: ${versions.join(", ")}. ${images} test images of CIFAR-10`,
    `(${softFloatImages} on rv32imc, whose floats are soft); each network was trained for one epoch of 4,096 images first.`,
    "The largest error is absolute, over all logits. Instructions are executed instructions of one inference; text is the",
    "model's own code, rodata its weights; RAM is working memory, input, output and painted stack. The columns “its” are",
    "the reference's figures by the same rules. tvm-scheduled has a 4×4 register-tiling schedule of its own.",
  ].join("\n");
}

const number = (value: number | null) => (value === null ? "–" : value.toLocaleString("en-US"));

/** Rows of one network as Markdown: agreement, and the figures of a reference beside ours where it ran there. */
export function verifyTable(name: string, rows: readonly VerifyRow[]): string {
  const columns = [
    ...["target", "compiler", "reference", "images", "largest error", "top-1"],
    ...["instructions", "per MAC", "its instructions", "text", "its text", "rodata", "RAM", "its RAM", "stack"],
  ];
  const cells = rows.map((row) => [
    row.target,
    row.compiler,
    row.reference,
    String(row.images),
    row.maxAbsError.toExponential(1),
    `${100 * row.top1Agreement} %`,
    number(row.instructions),
    row.instructionsPerMac?.toFixed(2) ?? "–",
    number(row.referenceInstructions),
    number(row.textBytes),
    number(row.referenceTextBytes),
    number(row.rodataBytes),
    number(row.ramBytes),
    number(row.referenceRamBytes),
    number(row.stackBytes),
  ]);
  const line = (texts: readonly string[]) => `| ${texts.join(" | ")} |`;
  return [`## ${name}`, "", line(columns), line(columns.map(() => "---")), ...cells.map(line), ""].join("\n");
}
