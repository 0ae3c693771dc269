import { createGpuBackend, type GpuBackend, type GpuJs, type GpuMode } from "../../../../kernels/gpu/index.ts";
import { createReferenceBackend } from "../../../../kernels/reference/index.ts";
import { parity } from "../../../op-cases/harness.ts";
import type { Family } from "../../../op-cases/index.ts";
import { sampleOf } from "../sample.ts";
import { tolerances } from "../tolerances.ts";

// Runs in a page: what it exports can be called from tests of this folder.

const library = (globalThis as unknown as { GPU: GpuJs }).GPU;
const reference = createReferenceBackend();
const backends = new Map<GpuMode, Promise<GpuBackend>>();

/** Compares up to so many cases of a family with the reference back end, in this page. */
export async function check(
  mode: GpuMode,
  family: Family,
  most: number,
): Promise<{ readonly compared: number; readonly failures: readonly string[] }> {
  let backend = backends.get(mode);
  if (backend === undefined) backends.set(mode, (backend = createGpuBackend(library, { mode })));
  const cases = sampleOf(family, most);
  return { compared: cases.length, failures: await parity(cases, await backend, reference, tolerances[family]) };
}

/** The back end that opens, or what is said when none does. */
export async function open(mode?: GpuMode): Promise<string> {
  try {
    const { variant, profile } = await createGpuBackend(library, mode && { mode });
    return `${variant}: ${profile.id}`;
  } catch (error) {
    return String(error);
  }
}
