import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { generate, identifierOf } from "../../codegen/index.ts";
import { floatLiteral } from "../../codegen/literals.ts";
import { version } from "../../engine/version.ts";
import { ConfigError } from "../../engine/errors.ts";
import { randomBits } from "../../engine/random.ts";
import { CProgram, strict } from "./c-program.ts";
import { lowered, trained } from "./graphs.ts";

const graph = lowered([1, 2, 2, 3], (x) => x.globalAveragePool().matmul(trained(3, 2)).softmax());
const options = { target: "host", precision: "float32" } as const;
const awkward = `ev"il'*/ #error } \n??/\\ %s é 网络 /* int main`;
const normalization = { mean: [0.5, 0.4, 0.25], deviation: [0.25, 0.5, 1] };

test("the version is that of the package", async () => {
  const text = await readFile(join(import.meta.dirname, "../../package.json"), "utf8");
  expect((JSON.parse(text) as { version: string }).version).toBe(version);
});

test("the same network and options give the same text", () => {
  expect(generate({ graph, name: "twice" }, options)).toEqual(generate({ graph, name: "twice" }, options));
});

test.each([
  ["ResNet-8", "resnet_8"],
  ["  Ünïcödé  ", "unicode"],
  ["8 bits", "net_8_bits"],
  ["int", "net_int"],
  ["String", "net_string"],
  ["math", "net_math"],
  ["网络", "network"],
  ["", "network"],
  ["a__b--c", "a_b_c"],
  ["x".repeat(100), "x".repeat(48)],
])("the identifier of %j is %s", (name, identifier) => expect(identifierOf(name)).toBe(identifier));

test.each(["", "1a", "a b", "a-b", "stdio", "Class", "é", "a".repeat(49)])("the prefix %j is refused", (prefix) => {
  expect(() => generate({ graph, name: "n" }, { ...options, prefix })).toThrow(ConfigError);
});

test("class names and normalisation have to fit the network", () => {
  expect(() => generate({ graph, name: "n", classes: ["one"] }, options)).toThrow(
    "codegen: 1 class names for a network with 2 outputs",
  );
  expect(() => generate({ graph, name: "n", normalization: { mean: [0], deviation: [1] } }, options)).toThrow(
    "codegen: normalisation of 1 channels for an input of [2,2,3]",
  );
});

test("weights that are not finite are refused", () => {
  const broken = lowered([1, 1, 1, 2], (x) => x.scale(Infinity));
  expect(() => generate({ graph: broken, name: "n" }, options)).toThrow("Infinity is not a finite float32");
});

test("float literals are exact", () => {
  const bits = new DataView(new ArrayBuffer(4));
  const read = (literal: string): number => {
    const [, sign, whole, digits, power] = /^(-?)0x([01])\.([0-9a-f]+)p(-?\d+)f$/.exec(literal)!;
    const mantissa = Number(whole) + parseInt(digits!, 16) / 16 ** digits!.length;
    return (sign === "-" ? -1 : 1) * mantissa * 2 ** Number(power);
  };
  expect([0, -0, 1, -1.5].map(floatLiteral)).toEqual(["0.0f", "-0.0f", "0x1.0p0f", "-0x1.8p0f"]);
  for (let draw = 0; draw < 2000; draw++) {
    bits.setUint32(0, draw < 50 ? draw + 1 : randomBits(5, draw));
    const value = bits.getFloat32(0);
    if (Number.isFinite(value) && value !== 0) expect(read(floatLiteral(value))).toBe(value);
  }
});

describe("a network with awkward names", () => {
  const layers = graph.layers.map((layer) => ({
    ...layer,
    name: awkward,
    weights: layer.weights.map((weights) => ({ ...weights, name: awkward })),
  }));
  const classes = [awkward, "ναί"];
  const code = generate({ graph: { ...graph, layers }, name: awkward, classes, normalization }, options);

  test.each([
    ["gcc", [...strict, "-c", `${code.prefix}.c`]],
    ["clang", [...strict, "-c", `${code.prefix}.c`]],
    ["g++", ["-std=c++98", "-Wall", "-Wextra", "-Werror", "-c", "include.cc"]],
  ])("compiles without a warning by %s", async (compiler, parameters) => {
    await using program = await CProgram.write([code]);
    await writeFile(
      join(program.folder, "include.cc"),
      `#include "${code.prefix}.h"\n#include "${code.prefix}.h"\n` +
        `const char *const *names = ${code.prefix}_class_names;\n` +
        `int (*run)(${code.prefix}_context *, const float *, float *) = ${code.prefix}_run;\n`,
    );
    await expect(program.command(compiler, parameters)).resolves.toBe("");
  });

  test("keeps the class names and normalises bytes", async () => {
    await using program = await CProgram.write([code]);
    await writeFile(
      join(program.folder, "check.c"),
      `#include <stdio.h>
      #include "${code.prefix}.h"
      int main(void) {
        static const uint8_t bytes[${code.prefix.toUpperCase()}_INPUT_SIZE] = {0, 51, 255, 255, 0, 102};
        static float input[${code.prefix.toUpperCase()}_INPUT_SIZE];
        if (${code.prefix}_normalize(bytes, input) || !${code.prefix}_normalize(0, input)) return 1;
        for (int i = 0; i < 6; i++) printf("%.5f ", input[i]);
        printf("\\n%s\\n%s", ${code.prefix}_class_names[0], ${code.prefix}_class_names[1]);
        return 0;
      }`,
    );
    await program.command("gcc", ["check.c", `${code.prefix}.c`, "-o", "check"]);
    const { stdout } = await promisify(execFile)(join(program.folder, "check"));
    expect(stdout).toBe(`-2.00000 -0.40000 0.75000 2.00000 -0.80000 0.15000 \n${classes.join("\n")}`);
  });
});
