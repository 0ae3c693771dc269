import { Argument, type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import type { z } from "zod";
import { applyConfig, parseSetting, settableOptions } from "./apply-config.ts";
import { type ConfigFile, configNames, openConfig } from "./open-config.ts";
import { runVerb } from "./run-verb.ts";
import type { configSchema } from "./schemas.ts";
import { verb } from "./verb.ts";
import { verbs } from "./verbs.ts";

type Setting = z.infer<typeof configSchema>["settings"][number];

export const command = () =>
  verb(
    "config",
    "Shows what each setting is and where it comes from: flags win over the environment, that over the file, that over the defaults.",
    "finch config --print train",
  )
    .addArgument(new Argument("[verb]", "only the settings of this verb").choices(printedVerbs()))
    .addOption(new Option("--print", "print the settings; done without it too"))
    .action((only, options) =>
      runVerb(options, async ({ output }) => {
        const file = await openConfig(options.config);
        const settings: DescribedSetting[] = [];
        for (const name of only === undefined ? printedVerbs() : [only])
          settings.push(...(await settingsOf((await verbs[name]!.load()).command(), file)));
        output.document({
          file: file?.name ?? null,
          settings: settings.map(({ verb, key, value, origin, from }) => ({ verb, key, value, origin, from })),
        } satisfies z.input<typeof configSchema>);
        output.table(
          settings.map(({ verb, key, value, described, origin, from }) => ({
            ...(only === undefined && { verb }),
            setting: key,
            value: described ?? (value === null ? "–" : String(value)),
            origin: [origin, from].filter((word) => word !== null).join(": "),
          })),
        );
        output.data(file === undefined ? `There is no ${configNames.join(", ")} here.` : `The file is ${file.name}.`);
      }),
    );

const printedVerbs = (): readonly string[] => Object.keys(verbs).filter((name) => name !== "config");

/** With the word for a list that help texts have: all. */
interface DescribedSetting extends Setting {
  readonly described?: string | undefined;
}

/** What a verb without flags would go by. */
async function settingsOf(command: CommandUnknownOpts, file: ConfigFile | undefined): Promise<DescribedSetting[]> {
  if (file !== undefined) await applyConfig(command, file);
  return settableOptions(command).map((option): DescribedSetting => {
    const [verb, key] = [command.name(), option.attributeName()];
    const variable = option.envVar;
    const text = variable === undefined ? undefined : process.env[variable];
    if (variable !== undefined && text !== undefined)
      return {
        verb,
        key,
        value: parseSetting(option, text, variable) as Setting["value"],
        origin: "environment",
        from: variable,
      };
    const unset = option.required || option.optional ? null : option.negate;
    const value = (command.getOptionValue(key) as Setting["value"] | undefined) ?? unset;
    if (command.getOptionValueSource(key) !== "config")
      return {
        verb,
        key,
        value,
        described: Array.isArray(value) ? option.defaultValueDescription : undefined,
        origin: "default",
        from: null,
      };
    return { verb, key, value, origin: "file", from: key in (file!.settings[verb] ?? {}) ? verb : "defaults" };
  });
}
