import { openGpuBackend } from "../../../../kernels/gpu/node/index.ts";
import { createReferenceBackend } from "../../../../kernels/reference/index.ts";
import { conv2dCases } from "../../../op-cases/conv2d.ts";
import { parity } from "../../../op-cases/harness.ts";
import { matmulCases } from "../../../op-cases/matmul.ts";

// Started by node.test.ts in a process of its own: the driver is chosen by variables of its environment.
const cases = [...conv2dCases.slice(0, 8), ...matmulCases.slice(0, 5)].filter(({ bench }) => !bench);
const backend = await openGpuBackend();
const failures = await parity(cases, backend, createReferenceBackend());
await backend.dispose();
process.stdout.write(JSON.stringify({ cases: cases.length, failures, profile: backend.profile.id }));
