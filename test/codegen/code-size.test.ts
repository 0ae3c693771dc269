import { describe, expect, test } from "vitest";
import { generate } from "../../codegen/index.ts";
import { finchGlue, interfaceOf } from "../../codegen/verify/driver/glue.ts";
import { compileProgram, releaseFlags, strictWarnings, withTemporaryFolder } from "../../codegen/verify/program.ts";
import { builtInArchitectures } from "../../engine/architecture.ts";
import { Model } from "../../engine/model.ts";
import { lowerModel } from "../../engine/plan/lower.ts";

const flags = [...releaseFlags, ...strictWarnings, "-Wshadow", "-Werror"];

describe.each(["resnet8", "ref-hybrid"])("code of %s in float32", (name) => {
  const graph = lowerModel(Model.fromArchitecture(builtInArchitectures[name]!));

  test.each([
    ["default", 24_000],
    ["size", 8_000],
  ] as const)("plan %s has at most %d bytes", { timeout: 120_000 }, async (plan, most) => {
    const code = generate({ graph, name }, { target: "rv32imafc", precision: "float32", plan });
    const model = interfaceOf(code);
    const { size } = await withTemporaryFolder((folder) =>
      compileProgram({ ...model, files: code.files, glue: finchGlue(model) }, folder, { target: "rv32imafc", flags }),
    );
    expect(size.textBytes).toBeLessThanOrEqual(most);
    expect(size.dataBytes + size.bssBytes).toBe(0);
  });
});
