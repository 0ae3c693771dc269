import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { generate } from "../../../codegen/index.ts";
import { CProgram, strict } from "../c-program.ts";
import { IntegerNetwork } from "./networks.ts";
import { shadowNetwork } from "./shadow-network.ts";

const mean = [0.45, 0.5, 0];
const deviation = [0.25, 0.3, 1];

test("bytes of an image become cells as docs/int8.md says", async () => {
  const network = new IntegerNetwork(5);
  const { scale, zero } = { scale: 0.0162, zero: -7 };
  const input = network.value([1, 16, 16, 3], { type: "int8", scale, zero, low: -128, high: 127 });
  const { graph } = network.case("bytes", input, network.globalAveragePool(input));
  const code = generate(
    { ...shadowNetwork(graph), name: "bytes", normalization: { mean, deviation } },
    { target: "host", precision: "int8", prefix: "net" },
  );
  await using program = await CProgram.write([code]);
  const main = `#include <stdio.h>
#include "net.h"
int main(void) {
  static uint8_t bytes[NET_INPUT_SIZE];
  static int8_t cells[NET_INPUT_SIZE];
  FILE *out = fopen("cells.bin", "wb");
  for (int i = 0; i < NET_INPUT_SIZE; i++) bytes[i] = (uint8_t)(i / 3);
  if (!out || net_quantize(bytes, cells) != NET_OK || net_quantize(bytes, 0) != NET_NULL_POINTER) return 1;
  fwrite(cells, 1, sizeof cells, out);
  return fclose(out);
}
`;
  await writeFile(join(program.folder, "bytes.c"), main);
  await program.command("gcc", [...strict, "bytes.c", "net.c", "-o", "bytes"]);
  await program.command(join(program.folder, "bytes"), []);
  const cells = new Int8Array(await readFile(join(program.folder, "cells.bin")));
  const wanted = Array.from({ length: 768 }, (_, i) => {
    const [byte, channel] = [Math.floor(i / 3), i % 3];
    const value = Math.floor((byte / 255 - mean[channel]!) / deviation[channel]! / scale + 0.5) + zero;
    return Math.min(127, Math.max(-128, value));
  });
  expect([...cells]).toEqual(wanted);
  expect(code.files[0]!.text).toContain("#define NET_INPUT_ZERO -7");
});

test("int8 without integers is refused", () => {
  const network = new IntegerNetwork(5);
  const input = network.value([1, 4, 4, 3]);
  const { graph } = network.case("none", input, network.globalAveragePool(input));
  const { quantized: _, ...float } = shadowNetwork(graph);
  expect(() => generate({ ...float, name: "none" }, { target: "host", precision: "int8" })).toThrow(
    "codegen: int8 needs a quantised network",
  );
});
