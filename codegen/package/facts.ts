import { elements } from "../element.ts";
import type { GeneratedCode } from "../generate.ts";

/** A file of a package, by its path inside the package's folder. */
export interface PackageFile {
  readonly path: string;
  readonly content: string | Uint8Array;
}

/** Who publishes a package, and under which terms. */
export interface PackageTerms {
  /** Semantic version of the package: three numbers with dots. */
  readonly version: string;
  readonly author: string;
  readonly url: string;
  /** SPDX identifier, or any name when the text is the user's own. */
  readonly license: string;
  readonly licenseText: string;
}

/** What all files of a package are written from. */
export interface PackageFacts {
  readonly code: GeneratedCode;
  /** Name of the network, any text. */
  readonly title: string;
  readonly terms: PackageTerms;
  /** `finch_<prefix>`: name of the folder, of the library and of its targets. */
  readonly name: string;
  /** The same with dashes, as registries like it. */
  readonly slug: string;
  /** `FINCH_<PREFIX>` */
  readonly symbol: string;
  /** C files below `src/`. */
  readonly sources: readonly string[];
  readonly selftestSource: string;
  /** One sentence, ASCII, without a full stop at its end. */
  readonly sentence: string;
  /** Whether `<math.h>` is used, so that its library has to be linked. */
  readonly usesMath: boolean;
  readonly hasLabels: boolean;
  /** The function that turns bytes into an input; undefined where there is none. */
  readonly bytesFunction: string | undefined;
  /** Types of a number of the input and of the output. */
  readonly inputType: string;
  readonly outputType: string;
}

export function packageFacts(code: GeneratedCode, title: string, terms: PackageTerms): PackageFacts {
  const { prefix, files, inputShape, outputSize, inputElement, outputElement } = code;
  const header = files.find(({ name }) => name === `${prefix}.h`)!.text;
  const sources = files.filter(({ name }) => name.endsWith(".c"));
  const ascii = plainLine(title).replace(/[^\x20-\x7e]/g, "?");
  return {
    code,
    title,
    terms,
    name: `finch_${prefix}`,
    slug: `finch-${prefix.toLowerCase().replace(/_+/g, "-")}`,
    symbol: `FINCH_${prefix.toUpperCase()}`,
    sources: sources.map(({ name }) => `src/${prefix}/${name}`).filter((path) => !path.endsWith("_selftest.c")),
    selftestSource: `src/${prefix}/${prefix}_selftest.c`,
    sentence: `Classifier ${ascii}: ${inputShape.join("x")} values to ${outputSize} outputs, C99 without dependencies`,
    usesMath: sources.some(({ text }) => text.includes("#include <math.h>")),
    hasLabels: header.includes(`${prefix}_class_names[`),
    bytesFunction: [`${prefix}_normalize`, `${prefix}_quantize`].find((name) => header.includes(`${name}(`)),
    inputType: elements[inputElement].type,
    outputType: elements[outputElement].type,
  };
}

/** `text` as one line: for the value of a field in a manifest. */
export function plainLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
