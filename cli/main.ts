import { Command, CommanderError, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { version } from "../engine/version.ts";
import { applyConfig } from "./apply-config.ts";
import { exitCodes } from "./exit-codes.ts";
import { openConfig } from "./open-config.ts";
import { Output } from "./output.ts";
import { reportError } from "./run-verb.ts";
import { type LoadedVerb, verbs } from "./verbs.ts";

/** `finch`: finds the verb, loads it alone, and lets it parse its flags. */
async function main(words: readonly string[]): Promise<void> {
  const program: CommandUnknownOpts = new Command("finch")
    .description("Designs, trains and ships image classifiers for microcontrollers.")
    .version(version, "-V, --version")
    .helpCommand(true)
    .addHelpText("after", "\nExample:\n  finch train --arch ref-hybrid --data synthetic --epochs 3")
    .showSuggestionAfterError(true);
  const asked = words.find((word) => !word.startsWith("-") && word !== "help") ?? "";
  for (const [name, { summary, load }] of Object.entries(verbs))
    if (name === asked) program.addCommand((await configured(await load(), words)).summary(summary) as Command);
    else program.command(name).summary(summary);
  for (const command of [program, ...program.commands]) command.exitOverride();
  await program.parseAsync(words, { from: "user" });
}

/** The verb with the settings of the file that its flags name, or that lies here; help is there without them. */
async function configured({ command }: LoadedVerb, words: readonly string[]): Promise<CommandUnknownOpts> {
  const verb = command();
  if (words[0] === "help" || words.some((word) => ["-h", "--help"].includes(word))) return verb;
  const flags = command().exitOverride();
  flags.parseOptions([...words]);
  const file = await openConfig(flags.opts()["config"] as string | undefined);
  if (file !== undefined) await applyConfig(verb, file);
  return verb;
}

// A reader that has seen enough, as in `finch doctor | head -1`, is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

const words = process.argv.slice(2);
try {
  await main(words);
} catch (error) {
  const output = new Output({ json: words.includes("--json"), color: !words.includes("--no-color") });
  if (!(error instanceof CommanderError)) process.exitCode = reportError(error, output, false);
  else if (error.exitCode !== 0) {
    process.exitCode = exitCodes.usage;
    output.failed({ name: "UsageError", message: error.message, exitCode: exitCodes.usage });
  }
}
