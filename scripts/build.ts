import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { jsonSchemas } from "../cli/json-schemas.ts";

/** Makes `dist/`: JavaScript and declarations by tsc, and beside them every file that the code reads at run time. */
const root = new URL("..", import.meta.url).pathname;
const dist = join(root, "dist");
rmSync(dist, { recursive: true, force: true });
try {
  execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.build.json"], {
    cwd: root,
    stdio: "inherit",
  });
} catch {
  process.exit(1);
}

const assets = globSync(
  ["kernels/**/*.wasm", "codegen/**/*.{py,c,h,ld,S,proto,txt}", "nas/**/*.sql", "{engine,nas,codegen,cli}/**/*.json"],
  { cwd: root },
);
for (const asset of assets) cpSync(join(root, asset), join(dist, asset));

// tsc rewrites imports, but not the addresses of workers: new URL("./worker.ts", import.meta.url).
for (const file of globSync("**/*.js", { cwd: dist })) {
  const path = join(dist, file);
  const code = readFileSync(path, "utf8");
  const rewritten = code.replace(/(new URL\("\.[^"]*)\.ts"/g, '$1.js"');
  if (rewritten !== code) writeFileSync(path, rewritten);
}

const main = join(dist, "cli/main.js");
const source = readFileSync(main, "utf8");
if (!source.startsWith("#!")) writeFileSync(main, `#!/usr/bin/env node\n${source}`);
chmodSync(main, 0o755);

mkdirSync(join(dist, "schemas"));
for (const [name, schema] of Object.entries(jsonSchemas()))
  writeFileSync(join(dist, "schemas", `${name}.schema.json`), JSON.stringify(schema, null, 2) + "\n");
