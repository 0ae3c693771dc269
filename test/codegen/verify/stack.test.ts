import { expect, test } from "vitest";
import { checkStack, deepestStack, framesInListing } from "../../../codegen/verify/stack.ts";

const node = (name: string, frame: string): string =>
  `node: { title: "${name}" label: "${name}\\nnet.c:3:5\\n${frame}\\n0 dynamic objects" }\n`;
const edge = (from: string, to: string): string =>
  `edge: { sourcename: "${from}" targetname: "${to}" label: "net.c:9:3" }\n`;

test("the deepest way of calls is found, with what lies outside named", () => {
  const graph =
    node("net_run", "96 bytes (static)") +
    node("net.c:wide", "200 bytes (static)") +
    node("net.c:deep", "150 bytes (static)") +
    node("net.c:leaf", "80 bytes (static)") +
    'node: { title: "memcpy" label: "__builtin_memcpy\\n<built-in>" shape : ellipse }\n' +
    edge("net_run", "net.c:wide") +
    edge("net_run", "net.c:deep") +
    edge("net.c:deep", "net.c:leaf") +
    edge("net.c:leaf", "memcpy");
  expect(deepestStack([graph], "net_run")).toEqual({
    bytes: 326,
    path: ["net_run", "deep", "leaf"],
    outside: ["memcpy"],
  });
});

test("recursion and a missing function are errors", () => {
  const graph = node("a", "16 bytes (static)") + node("b", "16 bytes (static)") + edge("a", "b") + edge("b", "a");
  expect(() => deepestStack([graph], "a")).toThrow("a calls itself by way of a, b");
  expect(() => deepestStack([graph], "c")).toThrow("no frame of c");
});

test("frames of library functions are read from their instructions", () => {
  const listing = [
    "Disassembly of section .text:",
    "80000010 <__outer>:\n80000010:\tadd\tsp,sp,-16\n80000012:\tjal\tra,80000020 <__inner>\n80000016:\tret",
    "80000020 <__inner>:\n80000020:\tbeqz\ta0,80000028 <__inner+0x8>\n80000024:\taddi\tsp,sp,-32\n80000028:\tj\t80000020 <__inner>",
  ].join("\n\n");
  const { bytes, calls } = framesInListing(listing);
  expect([...bytes]).toEqual([
    ["__outer", 16],
    ["__inner", 32],
  ]);
  expect([...calls]).toEqual([
    ["__outer", new Set(["__inner"])],
    ["__inner", new Set()],
  ]);
});

test("a run that used more stack than its bound is an error", () => {
  const row = { target: "rv32imc", stackBytes: 400, stackBoundBytes: 400 } as const;
  expect(() => checkStack([row, { ...row, stackBoundBytes: null }])).not.toThrow();
  expect(() => checkStack([{ ...row, stackBoundBytes: 384 }])).toThrow(
    "generated C on rv32imc used 400 bytes of stack, its static bound is 384",
  );
});
