import { expect, test } from "vitest";
import { deepestStack } from "../../../codegen/verify/stack.ts";

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
