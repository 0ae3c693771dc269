import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { doctor, doctorReportSchema } from "../../../codegen/verify/doctor.ts";
import { withFileLock } from "../../../codegen/verify/lock.ts";
import { runCommand } from "../../../codegen/verify/process.ts";
import { requireTool } from "../../../codegen/verify/tools.ts";

afterEach(() => vi.unstubAllEnvs());

describe("doctor", () => {
  test("reports every tool once, by the shipped schema, with the way to get it", async () => {
    const report = await doctor({ simdVariant: async () => ({ variant: "relaxed", note: "measured" }) });
    expect(doctorReportSchema.parse(report)).toEqual(report);
    expect(report.tools.map(({ name }) => name)).toEqual([
      "node",
      "simd",
      "gcc",
      "clang",
      "clang-sanitizers",
      "riscv64-unknown-elf-gcc",
      "clang-19",
      "cmake",
      "picolibc",
      "qemu-system-riscv32",
      "qemu-system-riscv64",
      "python3",
      "tvm",
      "onnxruntime-node",
      "chromium",
    ]);
    expect(report.tools.every(({ install }) => install !== "")).toBe(true);
    expect(report.tools.find(({ name }) => name === "node")?.version).toBe(process.versions.node);
  });

  test("with nothing on the path, one sentence names what is missing and the command that gets it", async () => {
    vi.stubEnv("PATH", "");
    vi.stubEnv("FINCH_TOOLS", join(tmpdir(), "finch-no-tools"));
    const report = await doctor();
    expect(report.complete).toBe(false);
    expect(report.problem).toMatch(/^Missing: gcc, clang, .*tvm.*`finch doctor --install` gets them\.$/);
  });

  test("an environment whose installation was interrupted counts as missing", async () => {
    const folder = await mkdtemp(join(tmpdir(), "finch-tools-"));
    vi.stubEnv("FINCH_TOOLS", folder);
    await mkdir(join(folder, "tvm-venv.building/bin"), { recursive: true });
    await mkdir(join(folder, "tvm-venv/bin"), { recursive: true });
    await symlink(process.execPath, join(folder, "tvm-venv/bin/python"));
    const stateOfTvm = async () => (await doctor()).tools.find(({ name }) => name === "tvm")?.state;
    expect(await stateOfTvm()).toBe("missing");
    await writeFile(join(folder, "tvm-venv/finch.json"), JSON.stringify({ requirements: "of an older release" }));
    expect(await stateOfTvm()).toBe("missing");
    await rm(folder, { recursive: true });
  });

  test("install without apt-get says which packages to install", async () => {
    vi.stubEnv("PATH", "");
    vi.stubEnv("FINCH_TOOLS", join(tmpdir(), "finch-no-tools"));
    const report = await doctor({ install: true });
    expect(report.installed).toEqual([]);
    expect(report.problem).toContain("apt-get install --no-install-recommends gcc libc6-dev clang");
    expect(report.problem).toContain("picolibc-riscv64-unknown-elf");
  });
});

describe("tools", () => {
  test("a missing compiler is an error that names the Debian package", async () => {
    vi.stubEnv("PATH", "");
    await expect(requireTool("riscv64-unknown-elf-gcc")).rejects.toThrow(
      "riscv64-unknown-elf-gcc is not on this machine: install it with `finch doctor --install` or `apt-get install gcc-riscv64-unknown-elf`",
    );
  });

  test("a command is killed at its time limit", async () => {
    const result = await runCommand("sh", ["-c", "echo begun; sleep 60"], { timeoutSeconds: 0.3 });
    expect(result).toMatchObject({ timedOut: true, code: null, stdout: "begun\n" });
  });
});

describe("file lock", () => {
  test("work under one lock never overlaps", async () => {
    const folder = await mkdtemp(join(tmpdir(), "finch-lock-"));
    let inside = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setTimeout(resolve, 20));
      inside--;
    };
    await Promise.all([1, 2, 3].map(() => withFileLock(join(folder, "deep", "lock"), work)));
    expect(most).toBe(1);
    await rm(folder, { recursive: true });
  });

  test("a lock that stays taken is given up with an error", async () => {
    const folder = await mkdtemp(join(tmpdir(), "finch-lock-"));
    const file = join(folder, "lock");
    await withFileLock(file, async () => {
      await expect(withFileLock(file, async () => 1, { timeoutSeconds: 0.2 })).rejects.toThrow("has been locked");
    });
    expect(await withFileLock(file, async () => 2)).toBe(2);
    expect(await readdir(folder)).toEqual(["lock"]);
    await rm(folder, { recursive: true });
  });
});
