/** Where generated C is compiled to and run: this machine, or an emulated RISC-V microcontroller. */
export const verifyTargets = ["host", "rv32imafc", "rv32imc", "rv64gc"] as const;

export type VerifyTarget = (typeof verifyTargets)[number];

export type RiscvTargetName = Exclude<VerifyTarget, "host">;

export const riscvTargetNames = ["rv32imafc", "rv32imc", "rv64gc"] as const satisfies readonly RiscvTargetName[];

export interface RiscvTarget {
  /** Instruction set and calling convention, for the compiler and the linker. */
  readonly flags: readonly string[];
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
};

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
