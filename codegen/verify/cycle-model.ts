import { z } from "zod";

/** Kinds of executed instructions that differ in cycles, and waits between two of them. */
const classes = [
  "integer",
  "load",
  "store",
  "multiply",
  "multiplyHigh",
  "divide",
  "branchNotTaken",
  "branchTaken",
  "jump",
  "float",
  "floatDivide",
  "system",
  "loadUse",
  "floatUse",
  "jumpUse",
  "unalignedTarget",
] as const;

type InstructionClass = (typeof classes)[number];

/** Waits are no instructions of their own. */
const waits: ReadonlySet<InstructionClass> = new Set(["loadUse", "floatUse", "jumpUse", "unalignedTarget"]);

export const cycleModelSource =
  "CV32E40P user manual, pipeline details (docs.openhwgroup.org, github.com/openhwgroup/cv32e40p docs/source/pipeline.rst)";

/**
 * Cycles by the CV32E40P user manual, with FPU_ADDMUL_LAT = FPU_OTHERS_LAT = 1, memory that never makes the core wait,
 * and the longest division, of integers as of floats, for each one.
 */
const cycles: Readonly<Record<InstructionClass, number>> = {
  integer: 1,
  load: 1,
  store: 1,
  multiply: 1,
  multiplyHigh: 5,
  divide: 35,
  branchNotTaken: 1,
  branchTaken: 3,
  jump: 2,
  float: 1,
  floatDivide: 19,
  system: 4,
  // the next instruction uses what a load, a float operation, or the one before a jump to a register gave
  loadUse: 1,
  floatUse: 1,
  jumpUse: 1,
  // the target of a jump or taken branch is a 32-bit instruction across two words
  unalignedTarget: 1,
};

export const cycleEstimateSchema = z.object({
  /** Executed. */
  instructions: z.int(),
  /** By the stated model; measured on no processor. */
  cycles: z.int(),
  classes: z.record(z.enum(classes), z.int()),
});

/** Instructions by class, and the cycles that the model gives them. */
export type CycleEstimate = z.infer<typeof cycleEstimateSchema>;

/** How often a block of instructions ran, and how often another one than the next followed. */
export interface BlockCount {
  readonly layer: number;
  readonly begin: number;
  /** Behind its last instruction. */
  readonly end: number;
  readonly runs: number;
  readonly departures: number;
}

interface Instruction {
  readonly address: number;
  readonly bytes: number;
  readonly kind: InstructionClass | "branch";
  readonly writes: string | null;
  readonly reads: ReadonlySet<string>;
  /** Where a direct jump or branch goes. */
  readonly target: number | null;
}

/** The instructions of a program by address, from what `objdump -d --no-show-raw-insn` lists. */
export function readInstructions(listing: string): Map<number, Instruction> {
  const lines = [...listing.matchAll(/^ *([0-9a-f]+):\t(\S+)(?:\t([^\n<#]*))?/gm)];
  const instructions = new Map<number, Instruction>();
  for (const [index, [, place, name, operands = ""]] of lines.entries()) {
    const address = parseInt(place!, 16);
    const next = lines[index + 1];
    const gap = next === undefined ? 4 : parseInt(next[1]!, 16) - address;
    instructions.set(address, { address, bytes: gap === 2 ? 2 : 4, ...decode(name!, operands.trim()) });
  }
  return instructions;
}

function decode(name: string, operands: string): Pick<Instruction, "kind" | "writes" | "reads" | "target"> {
  const kind = kindOf(name);
  const parts = operands.split(",");
  const noResult = kind === "store" || kind === "branch" || /^(j|jr|ret|tail)$/.test(name);
  const read = noResult ? operands : parts.slice(1).join(",");
  const reads = new Set(name === "ret" ? ["ra"] : (read.match(/\b(?:[astf][a-z]*\d+|ra|sp|gp|tp)\b/g) ?? []));
  const goes = kind === "branch" || kind === "jump" ? /(?:^|,)([0-9a-f]{6,})$/.exec(operands) : null;
  return { kind, writes: noResult ? null : (parts[0] ?? null), reads, target: goes ? parseInt(goes[1]!, 16) : null };
}

function kindOf(name: string): Instruction["kind"] {
  if (/^(l[bhw]u?|flw)$/.test(name)) return "load";
  if (/^(s[bhw]|fsw)$/.test(name)) return "store";
  if (/^b(eq|ne|lt|ge|gt|le)(u|z)?$/.test(name)) return "branch";
  if (/^(j|jr|jal|jalr|ret|call|tail)$/.test(name)) return "jump";
  if (name === "mul") return "multiply";
  if (/^mulh/.test(name)) return "multiplyHigh";
  if (/^(div|rem)u?$/.test(name)) return "divide";
  if (/^f(div|sqrt)\./.test(name)) return "floatDivide";
  if (/^f(?!ence)/.test(name)) return "float";
  if (/^(csr|rd(cycle|instret|time)|fence|ecall|ebreak|mret|wfi)/.test(name)) return "system";
  return "integer";
}

/** Sums blocks up by class. @param instructions as `readInstructions` gives them */
export function estimateCycles(
  blocks: readonly BlockCount[],
  instructions: ReadonlyMap<number, Instruction>,
): CycleEstimate {
  const counts = Object.fromEntries(classes.map((name) => [name, 0])) as Record<InstructionClass, number>;
  for (const { begin, end, runs, departures } of blocks) {
    let before: Instruction | undefined;
    for (let address = begin; address < end;) {
      const instruction = instructions.get(address);
      if (instruction === undefined) break;
      const { kind, reads, target, bytes } = instruction;
      address += bytes;
      const leaves = address >= end ? departures : 0;
      if (kind === "branch") {
        counts.branchTaken += leaves;
        counts.branchNotTaken += runs - leaves;
      } else counts[kind] += runs;
      if (before?.writes && reads.has(before.writes)) {
        if (before.kind === "load") counts.loadUse += runs;
        else if (before.kind === "float") counts.floatUse += runs;
        else if (kind === "jump" && target === null) counts.jumpUse += runs;
      }
      if (target !== null && target % 4 !== 0 && instructions.get(target)?.bytes === 4)
        counts.unalignedTarget += kind === "jump" ? runs : leaves;
      before = instruction;
    }
  }
  const executed = classes.filter((name) => !waits.has(name)).reduce((sum, name) => sum + counts[name], 0);
  const total = classes.reduce((sum, name) => sum + counts[name] * cycles[name], 0);
  return { instructions: executed, cycles: total, classes: counts };
}
