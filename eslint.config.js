import { builtinModules } from "node:module";
import js from "@eslint/js";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

const folders = ["engine", "kernels", "nas", "codegen", "bench", "cli", "test", "scripts"];

/** What each folder may import of ours; the folders that are not named here may import everything. */
const mayImport = {
  engine: [],
  kernels: ["engine"],
  nas: ["engine"],
  codegen: ["engine"],
};

/** The only places that may import `node:` modules and packages that need Node. */
const nodeParts = [
  "engine/io-node/**",
  "nas/runners/**",
  "nas/store/**",
  "codegen/verify/**",
  "kernels/wasm/node/**",
  "kernels/gpu/node/**",
  "kernels/wasm/build.ts",
];
const nodePackages = [
  "benny",
  "cli-progress",
  "commander",
  "console-table-printer",
  "esbuild",
  "onnxruntime-node",
  "playwright-core",
  "sharp",
  "webgpu",
];
const builtins = [...new Set(builtinModules.map((name) => name.split("/")[0]))].filter((name) => !name.startsWith("_"));
const nodePattern = `^(node:.*|(${[...builtins, ...nodePackages].map((name) => name.replaceAll(".", "\\.")).join("|")})(/.*)?)$`;

const foldersPattern = (names) => `^(\\.\\./)+(${names.join("|")})(/|$)`;

function importRules(folder, { node }) {
  const forbidden = folders.filter((other) => other !== folder && !mayImport[folder].includes(other));
  const allowed = [...mayImport[folder], folder].join(" and ");
  const folderMessage = `${folder}/ may import only ${allowed} of ours (ARCHITECTURE.md).`;
  const nodeMessage = `Node modules and packages that need Node belong into ${nodeParts.join(", ")}, cli/ and bench/.`;
  const selectors = [{ pattern: foldersPattern(forbidden), message: folderMessage }];
  if (!node) selectors.push({ pattern: nodePattern, message: nodeMessage });
  return {
    "no-restricted-imports": [
      "error",
      { patterns: selectors.map(({ pattern, message }) => ({ regex: pattern, message })) },
    ],
    "no-restricted-syntax": [
      "error",
      ...selectors.map(({ pattern, message }) => ({
        selector: `:matches(ImportExpression, TSImportType) Literal[value=/${pattern.replaceAll("/", "\\/")}/]`,
        message,
      })),
    ],
  };
}

export default defineConfig(
  globalIgnores(["dist", "runs", ".finch", "kernels/wasm/assembly", "codegen/onnx/onnx_pb.ts", "**/*.py", "coverage"]),
  js.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "@typescript-eslint/prefer-readonly": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      // Kernels and graph walks index arrays that their shapes bound: `!` says so, whether the compiler asks or not.
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/no-unnecessary-type-assertion": "off",
      // Exports of a WebAssembly instance are taken apart freely.
      "@typescript-eslint/unbound-method": "off",
      // An interface may be asynchronous where one of its implementations is not.
      "@typescript-eslint/require-await": "off",
      // An op without attributes, and a schema's row, are exactly that.
      "@typescript-eslint/no-empty-object-type": "off",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      eqeqeq: "error",
      "no-var": "error",
      "prefer-const": "error",
      "no-console": "error",
      "no-restricted-exports": ["error", { restrictDefaultExports: { direct: true } }],
    },
  },
  ...Object.keys(mayImport).map((folder) => ({
    files: [`${folder}/**/*.ts`],
    ignores: nodeParts,
    rules: importRules(folder, { node: false }),
  })),
  ...Object.keys(mayImport).map((folder) => ({
    files: nodeParts.filter((pattern) => pattern.startsWith(`${folder}/`)),
    rules: importRules(folder, { node: true }),
  })),
  {
    files: ["test/op-cases/**/*.ts", "*.config.ts"],
    rules: { "no-restricted-exports": "off" },
  },
  { files: ["**/*.js", "**/*.mjs"], languageOptions: { globals: { process: "readonly", URL: "readonly" } } },
);
