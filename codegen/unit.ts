import { elements, type ElementName } from "./element.ts";
import { commentText, floatLiteral } from "./literals.ts";

type TableCells = Float32Array | Int32Array | Int16Array | Uint16Array | Int8Array | Uint8Array;

/** A field of a record that points to a table. */
export interface TablePointer {
  /** C type of the table's numbers. */
  readonly of: string;
  /** C expression of the address; null for none. */
  readonly table: string | null;
}

/** Collects the functions and tables of one C file. Equal functions are written once. */
export class Unit {
  readonly prefix: string;
  readonly #pointerBytes: number;
  readonly #functions = new Map<string, string>();
  readonly #functionTexts: string[] = [];
  readonly #recordTypes = new Set<string>();
  readonly #records = new Map<string, string>();
  readonly #recordTexts: string[] = [];
  readonly #constants = new Map<string, string>();
  readonly #constantTexts: string[] = [];
  readonly #counts = new Map<string, number>();
  readonly #headers = new Set<string>();
  /** Bytes of all tables and records. */
  constantBytes = 0;
  #hides = false;

  constructor(prefix: string, { pointerBytes = 4 } = {}) {
    this.prefix = prefix;
    this.#pointerBytes = pointerBytes;
  }

  /** Asks for a header of the compiler. */
  include(header: "string.h" | "stdint.h" | "riscv_vector.h"): void {
    this.#headers.add(header);
  }

  /** Defines `static void kind_n(parameters) { body }` unless the same function exists, and gives its name. */
  define(kind: string, parameters: readonly string[], body: string, { result = "void", about = "" } = {}): string {
    const key = [kind, ...parameters, body].join("\n");
    const known = this.#functions.get(key);
    if (known !== undefined) return known;
    const name = this.#name(kind);
    this.#functions.set(key, name);
    const comment = about === "" ? "" : `/* ${commentText(about)} */\n`;
    this.#functionTexts.push(
      `${comment}static ${result} ${name}(${parameters.join(", ")})\n${indent(`{\n${body}\n}`)}\n`,
    );
    return name;
  }

  /** Adds a table of constants unless the same one exists, and gives its name. @throws ConfigError when one is not finite */
  constant(about: string, values: TableCells): string {
    const element = elementOf(values);
    if (elements[element].standard) this.include("stdint.h");
    const literal = element === "float32" ? floatLiteral : String;
    let rows = "";
    values.forEach((value, at) => {
      rows += `${at % 8 > 0 ? ", " : at > 0 ? ",\n  " : "  "}${literal(value)}`;
    });
    rows += ",\n";
    const key = [about, element, rows].join("\n");
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const name = this.#name("w");
    this.#constants.set(key, name);
    this.constantBytes += values.byteLength;
    const comment = `/* ${commentText(about)} */\n`;
    this.#constantTexts.push(
      `${comment}static const ${this.prefix.toUpperCase()}_ALIGNED ${elements[element].type} ${name}[${values.length}] = {\n${rows}};\n`,
    );
    return name;
  }

  /**
   * Adds whole numbers and tables by name, `static const struct prefix_kind { int … } …`, unless the same exist, and
   * gives a C expression of their address. All of one kind have the same names.
   */
  record(kind: string, fields: Readonly<Record<string, number | TablePointer>>): string {
    const type = `struct ${this.prefix}_${kind}`;
    const entries = Object.entries(fields);
    if (!this.#recordTypes.has(type)) {
      this.#recordTypes.add(type);
      const declared = entries.map(([name, field]) =>
        typeof field === "number" ? `  int ${name};` : `  const ${field.of} *${name};`,
      );
      this.#recordTexts.push(`${type} {\n${declared.join("\n")}\n};\n`);
    }
    const values = entries
      .map(([name, field]) => `.${name} = ${typeof field === "number" ? field : (field.table ?? "0")}`)
      .join(", ");
    const key = `${type} ${values}`;
    const known = this.#records.get(key);
    if (known !== undefined) return `&${known}`;
    const name = this.#name(kind);
    this.#records.set(key, name);
    for (const [, field] of entries) this.constantBytes += typeof field === "number" ? 4 : this.#pointerBytes;
    this.#recordTexts.push(`static const ${type} ${name} = {${values}};\n`);
    return `&${name}`;
  }

  /**
   * C that hides from the compiler where a pointer points. What lies there and is the same for all tiles would else be
   * read before their loop and, for want of registers, put on the stack and read from there.
   */
  hide(pointer: string): string {
    this.#hides = true;
    return `${this.prefix.toUpperCase()}_HIDE(${pointer});`;
  }

  /** Whether the functions need `PREFIX_HIDE`. */
  get hides(): boolean {
    return this.#hides;
  }

  get headers(): readonly string[] {
    return [...this.#headers].sort();
  }

  get constants(): string {
    return [...this.#constantTexts, ...this.#recordTexts].join("\n");
  }

  get functions(): string {
    return this.#functionTexts.join("\n");
  }

  #name(kind: string): string {
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    return `${this.prefix}_${kind}_${count}`;
  }
}

function elementOf(values: TableCells): ElementName {
  if (values instanceof Float32Array) return "float32";
  if (values instanceof Int32Array) return "int32";
  if (values instanceof Int16Array) return "int16";
  if (values instanceof Uint16Array) return "uint16";
  return values instanceof Int8Array ? "int8" : "uint8";
}

/** Indents C by its braces, two spaces a level. Braces in comments count only behind code; none may stand in strings. */
export function indent(text: string): string {
  let depth = 0;
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .map((line) => {
      const closing = /^\}*/.exec(line)![0].length;
      const level = depth - closing;
      if (line.startsWith("/*")) return "  ".repeat(Math.max(0, depth)) + line;
      for (const letter of line) depth += letter === "{" ? 1 : letter === "}" ? -1 : 0;
      return "  ".repeat(Math.max(0, level)) + line;
    })
    .join("\n");
}
