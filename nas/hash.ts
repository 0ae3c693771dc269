import { mixBits } from "../engine/random.ts";
import { canonicalJson } from "./json.ts";

/** 64 bits of hash over the canonical JSON of a value, as 16 hexadecimal digits. For identity, not for security. */
export function hashJson(value: unknown): string {
  const text = canonicalJson(value);
  let high = 0x243f6a88;
  let low = 0x85a308d3;
  for (let index = 0; index < text.length; index++) {
    high = mixBits((high ^ text.charCodeAt(index)) + 0x9e3779b9);
    low = mixBits((low ^ text.charCodeAt(index)) + 0x7f4a7c15 + (high & 0xff));
  }
  return [high, low].map((word) => word.toString(16).padStart(8, "0")).join("");
}
