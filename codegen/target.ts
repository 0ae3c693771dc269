/** What the shape of the emitted kernels depends on. */
export interface Target {
  /** What the C is written for; for the comment at its head. */
  readonly description: string;
  /** Registers that a kernel may fill with accumulators, inputs and weights. */
  readonly registers: number;
  /** The same of integers: sums and held operands of a tile. */
  readonly integerRegisters: number;
  /** Width of an integer register. */
  readonly bits: 32 | 64;
  /** In which numbers products of small integers are summed soonest; `packed` are two sums in one float64. */
  readonly integerSums: "int32" | "float32" | "packed";
  /** Whether a product costs a call of the compiler's arithmetic library, so that nothing else matters. */
  readonly softFloat: boolean;
  /** Length of a vector register for which tiles are chosen; the kernels take any. 0 where there are none. */
  readonly vectorBits: number;
}

/** The machines that C is generated for. The C itself is portable: the target decides tile sizes, not what compiles; with vectors alone it wants their intrinsics. */
export const targets = {
  host: {
    description: "any machine with a floating-point unit",
    ...{ registers: 32, integerRegisters: 21, bits: 64, integerSums: "int32", softFloat: false, vectorBits: 0 },
  },
  rv32imafc: {
    description: "RISC-V RV32IMAFC",
    ...{ registers: 32, integerRegisters: 21, bits: 32, integerSums: "float32", softFloat: false, vectorBits: 0 },
  },
  rv64gc: {
    description: "RISC-V RV64GC",
    ...{ registers: 32, integerRegisters: 21, bits: 64, integerSums: "packed", softFloat: false, vectorBits: 0 },
  },
  rv32imc: {
    description: "RISC-V RV32IMC without floating-point unit",
    ...{ registers: 9, integerRegisters: 21, bits: 32, integerSums: "int32", softFloat: true, vectorBits: 0 },
  },
  rv64gcv: {
    description: "RISC-V RV64GCV, vectors of any length",
    ...{ registers: 32, integerRegisters: 21, bits: 64, integerSums: "int32", softFloat: false, vectorBits: 128 },
  },
  rv32imafc_zve32f: {
    description: "RISC-V RV32IMAFC with Zve32f, vectors of any length",
    ...{ registers: 32, integerRegisters: 21, bits: 32, integerSums: "int32", softFloat: false, vectorBits: 128 },
  },
} as const satisfies Record<string, Target>;

export type TargetName = keyof typeof targets;
