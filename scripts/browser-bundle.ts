import { globSync } from "node:fs";
import { build, formatMessages } from "esbuild";

/**
 * Bundles every source that must run in a browser: all of engine, kernels, nas and codegen but their Node parts.
 * Fails with the file and line of any import that a browser cannot take.
 */
const root = new URL("..", import.meta.url).pathname;
const nodeParts =
  /^(engine\/io-node|nas\/runners|nas\/store|codegen\/verify|kernels\/gpu\/node|kernels\/wasm\/(node|assembly|build\.ts))(\/|$)/;
const entryPoints = globSync("{engine,kernels,nas,codegen}/**/*.ts", { cwd: root }).filter(
  (file) => !nodeParts.test(file.replaceAll("\\", "/")),
);

try {
  const result = await build({
    absWorkingDir: root,
    entryPoints,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "browser",
    target: "es2024",
    outdir: "dist-browser",
    write: false,
    metafile: true,
    loader: { ".wasm": "file" },
    logLevel: "silent",
  });
  const kibibytes = result.outputFiles.reduce((sum, file) => sum + file.contents.length, 0) / 1024;
  process.stdout.write(`browser bundle: ${entryPoints.length} files, ${kibibytes.toFixed(0)} KiB\n`);
} catch (error) {
  const { errors } = error as { errors?: Parameters<typeof formatMessages>[0] };
  if (errors === undefined) throw error;
  process.stderr.write((await formatMessages(errors, { kind: "error" })).join(""));
  process.exit(1);
}
