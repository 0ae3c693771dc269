import { expect, test } from "vitest";
import { generate } from "../../../codegen/index.ts";
import { checkCode, type CheckRow } from "../../../codegen/verify/checks.ts";
import type { VerifiableCode } from "../../../codegen/verify/verify.ts";
import { lowered, trained } from "../graphs.ts";
import { describeWithTools, riscvTools } from "./with-tools.ts";

const graph = lowered([1, 6, 6, 3], (x) =>
  x
    .conv2d(trained(3, 3, 3, 4), { padding: "same" })
    .gelu()
    .globalAveragePool()
    .matmul(trained(4, 3))
    .softmax(),
);
const code = generate({ graph, name: "checked" }, { target: "rv32imc", precision: "float32" });
const images = [Float32Array.from({ length: 108 }, (_, index) => Math.sin(index))];

/** The same C with something changed. */
const changed = (from: string | RegExp, to: string): VerifiableCode => ({
  ...code,
  files: code.files.map(({ name, text }) => ({ name, text: name.endsWith(".c") ? text.replace(from, to) : text })),
});
const failures = (rows: readonly CheckRow[]) => rows.filter(({ state }) => state === "failed");

const tools = ["gcc", "clang", "clang-sanitizers", ...riscvTools];

await describeWithTools("checks of generated C", tools, () => {
  test("it passes all of them", async () => {
    const rows = [
      ...(await checkCode({ code, target: "host", images })),
      ...(await checkCode({ code, target: "rv32imc", images })),
    ];
    expect(failures(rows)).toEqual([]);
    expect(rows.filter(({ state }) => state === "passed").length).toBeGreaterThanOrEqual(9);
    const sanitizers = rows.filter(({ check }) => check === "sanitizers");
    expect(sanitizers.map(({ tool, state }) => [tool, state])).toEqual([
      ["gcc", "passed"],
      ["clang", "passed"],
    ]);
  });

  test("what it calls besides memcpy is found", async () => {
    const calling = changed(/^(int checked_argmax.*\n\{)/m, '#include <stdlib.h>\n$1 if (getenv("HOME")) return 0;');
    expect(failures(await checkCode({ code: calling, target: "rv32imc", images, only: ["symbols"] }))).toMatchObject([
      { check: "symbols", detail: "calls getenv" },
    ]);
  });

  test("a read outside of an array and a sign that is lost are found", async () => {
    const wrong = changed(
      /^( *)return CHECKED_OK;\n\}\n*$/m,
      "$1output[0] += input[CHECKED_INPUT_SIZE];\nreturn CHECKED_OK;\n}\n",
    );
    const rows = failures(await checkCode({ code: wrong, target: "host", images, only: ["sanitizers"] }));
    expect(rows.map(({ check, tool }) => [check, tool])).toContainEqual(["sanitizers", "clang"]);
    const narrowing = changed(/^( *)int largest = 0;/m, "$1int largest = 0; unsigned lost = -largest; (void)lost;");
    expect(failures(await checkCode({ code: narrowing, target: "host", images, only: ["warnings"] }))).toMatchObject([
      { check: "warnings", tool: "gcc" },
      { check: "warnings", tool: "clang" },
    ]);
  });
});
