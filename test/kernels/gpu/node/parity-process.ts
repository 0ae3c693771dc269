import { openGpuBackend } from "../../../../kernels/gpu/node/index.ts";
import { createReferenceBackend } from "../../../../kernels/reference/index.ts";
import { parity } from "../../../op-cases/harness.ts";
import { families } from "../../../op-cases/index.ts";
import { sampleOf } from "../sample.ts";
import { tolerances } from "../tolerances.ts";

// Started by node.test.ts in a process of its own: the driver is chosen by variables of its environment.
const most = Number(process.argv[2]);
const backend = await openGpuBackend();
const reference = createReferenceBackend();
const failures: string[] = [];
let compared = 0;
for (const family of families) {
  const cases = sampleOf(family, most);
  compared += cases.length;
  failures.push(...(await parity(cases, backend, reference, tolerances[family])));
}
await backend.dispose();
process.stdout.write(JSON.stringify({ compared, failures, profile: backend.profile.id }));
