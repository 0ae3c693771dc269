/** An array as the text of a kernel reads it. */
export interface Operand {
  /** The cell at an index, which is a number or an expression of sums and products. */
  at(index: string | number): string;
}

/** The cell that a thread computes. */
export const cell = "this.thread.x";

/**
 * The statements of one kernel: JavaScript that gpu.js parses, so it must not pass through a minifier. One thread
 * computes one cell. Numbers are float32, indexes too.
 */
export class KernelText {
  readonly #lines: string[] = [];
  readonly #splits = new Map<string, readonly [string, string]>();
  #names = 0;

  /** Names the value of an expression. */
  let(expression: string): string {
    const name = `t${this.#names++}`;
    this.#lines.push(`const ${name} = ${expression};`);
    return name;
  }

  /** Appends statements that declare names of their own; a kernel takes one block. */
  block(statements: string): void {
    this.#lines.push(statements);
  }

  /** ⌊index / size⌋ and the rest. */
  split(index: string, size: number): readonly [quotient: string, rest: string] {
    const key = `${index}/${size}`;
    let parts = this.#splits.get(key);
    if (parts === undefined) {
      parts = [`t${this.#names++}`, `t${this.#names++}`];
      this.#lines.push(splitting(index, size, ...parts));
      this.#splits.set(key, parts);
    }
    return parts;
  }

  /** Indexes along the axes of a shape, outermost first, of a flat index. */
  coordinates(index: string, shape: readonly number[]): string[] {
    const found: string[] = [];
    let rest = index;
    for (const size of shape.slice(1).reverse()) {
      const [outer, inner] = this.split(rest, size);
      found.unshift(inner);
      rest = outer;
    }
    return [rest, ...found];
  }

  /** The function that gpu.js compiles. */
  source(parameters: readonly string[], value: string): string {
    return `function (${parameters.join(", ")}) {\n${this.#lines.join("\n")}\nreturn ${value};\n}`;
  }
}

/**
 * Statements that name ⌊index / size⌋ and the rest. The product with the rounded 1 / size is off by less than one and a
 * half, which the rest then tells exactly: right for all indexes that float32 holds.
 */
export function splitting(index: string, size: number, quotient: string, rest: string): string {
  if (size === 1) return `const ${quotient} = ${index};\nconst ${rest} = 0;`;
  const reciprocal = 1 / size;
  return [
    `let ${quotient} = Math.floor(${index} * ${reciprocal});`,
    ...(Number.isInteger(Math.log2(size))
      ? []
      : [`${quotient} += Math.floor((${index} - ${quotient} * ${size} + 0.5) * ${reciprocal});`]),
    `const ${rest} = ${index} - ${quotient} * ${size};`,
  ].join("\n");
}

/** Statements for each of `count` indexes; four in a turn, where that comes out even: SwiftShader is 1.4 times as fast. */
export function repeat(count: number, body: (index: string) => string): string {
  if (count % 4 !== 0) return `for (let i = 0; i < ${count}; i++) {\n${body("i")}\n}`;
  const bodies = ["i", "(i + 1)", "(i + 2)", "(i + 3)"].map(body);
  return `for (let turn = 0; turn < ${count / 4}; turn++) {\nconst i = turn * 4;\n${bodies.join("\n")}\n}`;
}
