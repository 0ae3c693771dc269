import { ConfigError } from "../engine/errors.ts";

const bits = new DataView(new ArrayBuffer(4));

/** A C99 hexadecimal literal of exactly this float32. @throws ConfigError when it is not finite */
export function floatLiteral(value: number): string {
  bits.setFloat32(0, value);
  const word = bits.getUint32(0);
  const sign = word >>> 31 === 1 ? "-" : "";
  const exponent = (word >>> 23) & 0xff;
  const mantissa = word & 0x7fffff;
  if (exponent === 0xff) throw new ConfigError(`codegen: ${value} is not a finite float32`);
  if (exponent === 0 && mantissa === 0) return `${sign}0.0f`;
  const digits = (mantissa << 1).toString(16).padStart(6, "0").replace(/0+$/, "");
  const power = exponent === 0 ? -126 : exponent - 127;
  return `${sign}0x${exponent === 0 ? 0 : 1}.${digits === "" ? "0" : digits}p${power}f`;
}

/** A C string literal of the UTF-8 bytes of `text`, in plain ASCII. */
export function stringLiteral(text: string): string {
  let literal = "";
  for (const byte of new TextEncoder().encode(text)) {
    const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c && byte !== 0x3f;
    literal += plain ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, "0")}`;
  }
  return `"${literal}"`;
}

/** `text` so that it can stand in a C comment and end neither it nor its line. */
export function commentText(text: string): string {
  return text
    .replace(/[^\x20-\x7e]/g, "?")
    .replaceAll("\\", "/")
    .replace(/\/(?=\*)|\*(?=\/)|\?(?=\?)/g, "$& ");
}
