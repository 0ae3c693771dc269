import { sha256 } from "../../engine/sha256.ts";
import { drawNetwork, type DrawOptions } from "../draw/draw-network.ts";
import { deployedGraph } from "../deployed.ts";
import { integersOf, type CodegenNetwork, type GeneratedCode } from "../generate.ts";
import type { InstructionProfile } from "../layer-costs.ts";
import { buildFiles } from "./cmake.ts";
import { buildDatasheet, type DatasheetRequest } from "./datasheet/build.ts";
import { datasheetHtml } from "./datasheet/html.ts";
import { datasheetMarkdown } from "./datasheet/markdown.ts";
import type { Datasheet } from "./datasheet/schema.ts";
import { examples } from "./examples.ts";
import { packageFacts, type PackageFacts, type PackageFile, type PackageTerms } from "./facts.ts";
import { manifests } from "./manifests.ts";
import { readmeText } from "./readme.ts";
import { vectorFiles } from "./vectors.ts";

export interface PackageRequest {
  /** With self-test vectors. */
  readonly network: CodegenNetwork;
  /** What `generate` made of it. */
  readonly code: GeneratedCode;
  readonly terms: PackageTerms;
}

/**
 * One folder that is a library for plain C, CMake, Arduino, PlatformIO, ESP-IDF and Zephyr at once, without its data
 * sheet. The same request gives the same files.
 */
export function packageFiles(request: PackageRequest): PackageFile[] {
  const { network, code, terms } = request;
  const facts: PackageFacts = packageFacts(code, network.name, terms);
  const { prefix } = code;
  return [
    ...manifests(facts),
    ...buildFiles(facts),
    { path: "LICENSE", content: terms.licenseText },
    { path: "README.md", content: readmeText(facts) },
    ...code.files.map(({ name, text }) => ({
      path: name.endsWith(".h") ? `src/${name}` : `src/${prefix}/${name}`,
      content: text,
    })),
    ...examples(facts),
    ...vectorFiles(code, network.selftest ?? [], integersOf(network, code.precision)),
  ];
}

export interface FullPackageRequest
  extends
    PackageRequest,
    Pick<DatasheetRequest, "measurements" | "evaluation" | "ranges" | "weights" | "training" | "date"> {
  readonly blocks?: DrawOptions["blocks"];
}

/** A package with its data sheet and figure. */
export interface FullPackage {
  /** `finch_<prefix>`, the folder's name. */
  readonly name: string;
  readonly files: readonly PackageFile[];
  readonly sheet: Datasheet;
}

/** The same with data sheets as HTML, JSON and Markdown, and the figure of the network. */
export async function fullPackage(request: FullPackageRequest): Promise<FullPackage> {
  const { network, code, terms, measurements, evaluation, ranges, weights, training, date, blocks } = request;
  const { name } = packageFacts(code, network.name, terms);
  const run: InstructionProfile | undefined =
    measurements.runs.find(({ target }) => target === code.target) ?? measurements.runs[0];
  const figure = drawNetwork(deployedGraph(network, code.precision), code, {
    name: network.name,
    ...(blocks === undefined ? {} : { blocks }),
    ...(run === undefined ? {} : { instructions: run }),
  });
  const files = [...packageFiles(request), { path: "extras/net.svg", content: figure }];
  const encoder = new TextEncoder();
  const hashes = await Promise.all(
    files.map(async ({ path, content }) => {
      const bytes = typeof content === "string" ? encoder.encode(content) : content;
      return { path, bytes: bytes.length, sha256: await sha256(bytes) };
    }),
  );
  const sheet = buildDatasheet({
    ...{ network, code, terms, packageName: name, files: hashes, measurements, evaluation, weights, training, date },
    ...(ranges === undefined ? {} : { ranges }),
  });
  return {
    name,
    sheet,
    files: [
      ...files,
      { path: "extras/datasheet.json", content: `${JSON.stringify(sheet, null, 2)}\n` },
      { path: "extras/datasheet.md", content: datasheetMarkdown(sheet) },
      { path: "extras/datasheet.html", content: datasheetHtml(sheet, figure) },
    ],
  };
}
