import { ConfigError } from "../engine/errors.ts";

/** Names that would hide a standard header or read as a word of C or C++. */
const taken = new Set(
  (
    "assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg stdatomic " +
    "stdbool stddef stdint stdio stdlib stdnoreturn string tgmath threads time uchar wchar wctype " +
    "auto break case char const continue default do double else enum extern for goto if inline int long register " +
    "restrict return short signed sizeof static struct switch typedef union unsigned void volatile while bool true " +
    "false null class delete new private protected public template this throw try catch using virtual namespace " +
    "operator friend explicit export and or not xor asm alignas alignof typeof main"
  ).split(" "),
);

const maximumLength = 48;

/** A C identifier in lower case made from any text: the prefix of every symbol, and the name of the files. */
export function identifierOf(name: string): string {
  const plain = name
    .normalize("NFKD")
    .toLowerCase()
    .replace(/\p{M}/gu, "")
    .replace(/[^a-z0-9]+/g, "_")
    .replace(/^_+|_+$/g, "")
    .slice(0, maximumLength)
    .replace(/_+$/, "");
  if (plain === "") return "network";
  return /^[0-9]/.test(plain) || taken.has(plain) ? `net_${plain}` : plain;
}

/** @throws ConfigError when `prefix` cannot begin the names of a C library */
export function checkPrefix(prefix: string): string {
  if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(prefix) || prefix.length > maximumLength || taken.has(prefix.toLowerCase()))
    throw new ConfigError(
      `codegen: prefix ${JSON.stringify(prefix)} must be a letter and up to ${maximumLength - 1} letters, digits or _, ` +
        "and neither a word of C nor a standard header",
    );
  return prefix;
}

/** hardSwish as hard_swish: names of ops and kinds as C has them. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
