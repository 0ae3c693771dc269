import { ToolError } from "../../engine/errors.ts";
import { type HostCompiler, withTemporaryFolder } from "./program.ts";
import { runTool } from "./tools.ts";

/**
 * Flags with which a program ends at the first undefined behaviour. Optimising instrumented tiles takes gcc minutes, and
 * clang watches no array that is aligned to more than 32 bytes.
 */
export const sanitized: readonly string[] = [
  ...["-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-DMODEL_ALIGNMENT=32"],
];

/** Whether a compiler is here with the library that such programs are linked with. */
export async function canSanitize(compiler: HostCompiler): Promise<boolean> {
  return withTemporaryFolder(async (folder) => {
    const link = [...sanitized, "-x", "c", "-", "-o", "empty"];
    try {
      await runTool(compiler, link, { cwd: folder, input: "int main(void) { return 0; }\n" });
      return true;
    } catch (error) {
      if (!(error instanceof ToolError)) throw error;
      return false;
    }
  });
}
