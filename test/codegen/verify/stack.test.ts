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

test("frames of vectors are read from instructions too, and what cannot be is infinite", () => {
  const listing = [
    "80000010 <net_run>:\n80000010:\tadd\tsp,sp,-208\n8000001c:\tcsrr\ta3,vlenb\n80000020:\tslli\ta3,a3,0x3\n80000022:\tsub\tsp,sp,a3\n80000024:\tjal\tra,80000040 <net_row>",
    "80000030 <.Lpcrel_hi7>:\n80000030:\tcsrr\ta0,vlenb\n80000034:\tslli\ta0,a0,0x3\n80000036:\tadd\tsp,sp,a0\n80000038:\tadd\tsp,sp,208",
    "80000040 <net_row>:\n80000040:\tlui\tt0,0x1\n80000044:\taddi\tt0,t0,16\n80000048:\tsub\tsp,sp,t0\n8000004c:\tandi\tsp,sp,-64",
    "80000060 <dynamic>:\n80000060:\tlw\ta0,0(a1)\n80000064:\tsub\tsp,sp,a0",
  ].join("\n\n");
  const { bytes, calls } = framesInListing(listing, 16);
  expect(Object.fromEntries(bytes)).toEqual({ net_run: 208 + 8 * 16, net_row: 4096 + 16 + 64, dynamic: Infinity });
  expect(calls.get("net_run")).toEqual(new Set(["net_row"]));
  expect(framesInListing(listing).bytes.get("net_run")).toBe(Infinity);
});

test("a run that used more stack than its bound is an error", () => {
  const row = { target: "rv32imc", stackBytes: 400, stackBoundBytes: 400 } as const;
  expect(() => checkStack([row, { ...row, stackBoundBytes: null }])).not.toThrow();
  expect(() => checkStack([{ ...row, stackBoundBytes: 384 }])).toThrow(
    "generated C on rv32imc used 400 bytes of stack, its static bound is 384",
  );
});
