/** Where generated C is compiled to and run: this machine, or an emulated RISC-V microcontroller. */
export const verifyTargets = ["host", "rv32imafc", "rv32imc", "rv64gc", "rv64gcv", "rv32imafc_zve32f"] as const;

export type VerifyTarget = (typeof verifyTargets)[number];

export type RiscvTargetName = Exclude<VerifyTarget, "host">;

export const riscvTargetNames = [
  "rv32imafc",
  "rv32imc",
  "rv64gc",
  "rv64gcv",
  "rv32imafc_zve32f",
] as const satisfies readonly RiscvTargetName[];

export interface RiscvTarget {
  /** Instruction set and calling convention, for gcc and the linker. */
  readonly flags: readonly string[];
  /** The same for clang, which compiles the model where gcc has no intrinsics for its vectors. */
  readonly vectorFlags?: readonly string[];
  readonly emulator: "qemu-system-riscv32" | "qemu-system-riscv64";
  /** A processor that has exactly these instructions: any other one traps, or hangs until the time limit. */
  readonly processor: string;
}

export const riscvTargets: Readonly<Record<RiscvTargetName, RiscvTarget>> = {
  rv32imafc: {
    flags: ["-march=rv32imafc", "-mabi=ilp32f"],
    emulator: "qemu-system-riscv32",
    processor: "sifive-e34",
  },
  rv32imc: { flags: ["-march=rv32imc", "-mabi=ilp32"], emulator: "qemu-system-riscv32", processor: "lowrisc-ibex" },
  rv64gc: {
    flags: ["-march=rv64gc", "-mabi=lp64d", "-mcmodel=medany"],
    emulator: "qemu-system-riscv64",
    processor: "rv64",
  },
  rv64gcv: {
    flags: ["-march=rv64gc", "-mabi=lp64d", "-mcmodel=medany"],
    vectorFlags: ["--target=riscv64-unknown-elf", "-march=rv64gcv", "-mabi=lp64d", "-mcmodel=medany"],
    emulator: "qemu-system-riscv64",
    processor: "rv64,v=true,vext_spec=v1.0,vlen=128",
  },
  rv32imafc_zve32f: {
    flags: ["-march=rv32imafc", "-mabi=ilp32f"],
    vectorFlags: ["--target=riscv32-unknown-elf", "-march=rv32imafc_zve32f", "-mabi=ilp32f"],
    emulator: "qemu-system-riscv32",
    processor: "rv32,Zve32f=true,vext_spec=v1.0,vlen=128",
  },
};

/** The processor of a target, with vector registers of another length where one is given. */
export function processorWith(target: RiscvTargetName, vectorBits?: number): string {
  const { processor } = riscvTargets[target];
  return vectorBits === undefined ? processor : processor.replace(/vlen=\d+/, `vlen=${vectorBits}`);
}

/** Layout of QEMU's virt board: program and constants in the first half of its memory, data and stack in the second. */
export const boardMemory = { megabytes: 256, stackKilobytes: 512 } as const;

export const boardLinkFlags: readonly string[] = [
  "-Wl,--defsym=__flash=0x80000000",
  "-Wl,--defsym=__flash_size=128M",
  "-Wl,--defsym=__ram=0x88000000",
  "-Wl,--defsym=__ram_size=128M",
  `-Wl,--defsym=__stack_size=${boardMemory.stackKilobytes}K`,
  "-Tpicolibc.ld",
  "-Wl,--gc-sections",
];

/** Semihosting start-up and C library of the bare-metal programs. */
export const picolibcFlags: readonly string[] = ["--specs=picolibc.specs", "--oslib=semihost", "--crt0=hosted"];
