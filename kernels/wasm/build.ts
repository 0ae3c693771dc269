import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { attentionTilesSource } from "./generate-attention-tiles.ts";
import { depthwiseTilesSource } from "./generate-depthwise-tiles.ts";
import { poolTilesSource } from "./generate-pool-tiles.ts";
import { tilesSource } from "./generate-tiles.ts";
import { transformsSource } from "./generate-winograd.ts";
import { firstReduction, kernelFamilies, kernelNumbers, microOps } from "./kernels.ts";

/** Builds the WebAssembly modules from `assembly/` when a source changed: `node kernels/wasm/build.ts [--force]`. */
const here = dirname(fileURLToPath(import.meta.url));
const assembly = join(here, "assembly");
const modules = [
  { file: "kernels-fma.wasm", features: ["simd", "relaxed-simd", "threads"] },
  { file: "kernels-plain.wasm", features: ["simd", "threads"] },
] as const;

function dispatcher(): string {
  const imports: string[] = [];
  const cases: string[] = [];
  for (const [family, names] of Object.entries(kernelFamilies)) {
    imports.push(`import { ${names.join(", ")} } from "../${family}";`);
    for (const name of names) cases.push(`    case ${kernelNumbers[name]}: return ${name}(a, thread, threads);`);
  }
  return [
    "// Generated from kernels/wasm/kernels.ts by kernels/wasm/build.ts.",
    ...imports,
    "",
    "export function dispatch(kernel: i32, a: usize, thread: i32, threads: i32): void {",
    "  switch (kernel) {",
    ...cases,
    "    default: unreachable();",
    "  }",
    "}",
    "",
  ].join("\n");
}

function microOpDispatcher(): string {
  const parameters = "m: MicroOp, to: usize, a: usize, b: usize, n: i32, stride: usize";
  return [
    "// Generated from kernels/wasm/kernels.ts by kernels/wasm/build.ts.",
    'import { MicroOp } from "../chain";',
    `import { ${microOps.join(", ")} } from "../micro-ops";`,
    "",
    `export const reductions: i32 = ${microOps.indexOf(firstReduction)};`,
    "",
    `export function perform(${parameters}): void {`,
    "  switch (m.code) {",
    ...microOps.map((name, code) => `    case ${code}: return ${name}(m, to, a, b, n, stride);`),
    "    default: unreachable();",
    "  }",
    "}",
    "",
  ].join("\n");
}

function sourceHash(): string {
  const hash = createHash("sha256");
  const files = [
    ...readdirSync(assembly, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => join(assembly, file)),
    join(here, "build.ts"),
  ];
  for (const file of files.sort()) hash.update(readFileSync(file));
  return hash.digest("hex");
}

mkdirSync(join(assembly, "generated"), { recursive: true });
for (const [name, source] of [
  ["dispatch.ts", dispatcher()],
  ["micro-ops.ts", microOpDispatcher()],
  ["tiles.ts", tilesSource()],
  ["depthwise-tiles.ts", depthwiseTilesSource()],
  ["transforms.ts", transformsSource()],
  ["attention-tiles.ts", attentionTilesSource()],
  ["pool-tiles.ts", poolTilesSource()],
] as const) {
  const file = join(assembly, "generated", name);
  if (!existsSync(file) || readFileSync(file, "utf8") !== source) writeFileSync(file, source);
}

const hashFile = join(assembly, "generated", "sources.sha256");
const hash = sourceHash();
const upToDate =
  !process.argv.includes("--force") &&
  existsSync(hashFile) &&
  readFileSync(hashFile, "utf8") === hash &&
  modules.every(({ file }) => existsSync(join(here, file)));

if (upToDate) process.stdout.write("kernels: up to date\n");
else {
  const start = performance.now();
  const asc = join(dirname(createRequire(import.meta.url).resolve("assemblyscript/package.json")), "bin", "asc.js");
  await Promise.all(
    modules.map(({ file, features }) =>
      promisify(execFile)(process.execPath, [
        asc,
        join(assembly, "program.ts"),
        "-o",
        join(here, file),
        "-O3",
        ...features.flatMap((feature) => ["--enable", feature]),
        ...["--importMemory", "--sharedMemory", "--initialMemory", "1", "--maximumMemory", "65536"],
        // Names of functions, for profilers and for the test of what V8 makes of them; the code is the same.
        ...["--runtime", "stub", "--noAssert", "--debug"],
      ]).catch((error: Error & { stderr?: string }) => {
        process.stderr.write(`${error.stderr ?? error.message}\n`);
        process.exit(1);
      }),
    ),
  );
  writeFileSync(hashFile, hash);
  const sizes = modules.map(({ file }) => `${file} ${Math.ceil(statSync(join(here, file)).size / 1024)} KiB`);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  process.stdout.write(`kernels: built ${sizes.join(", ")} in ${seconds} s\n`);
}
