import { Command } from "@commander-js/extra-typings";
import { colorOption, configOption, jsonOption, quietOption, verboseOption } from "./options.ts";

/** A verb with the flags that all have. */
export function verb(name: string, description: string, example: string) {
  return new Command(name)
    .description(description)
    .addOption(jsonOption())
    .addOption(quietOption())
    .addOption(verboseOption())
    .addOption(colorOption())
    .addOption(configOption())
    .addHelpText("after", `\nExample:\n  ${example.replaceAll("\n", "\n  ")}`);
}
