import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { searchResultSchema } from "../../../nas/schema.ts";
import { dataFolder, dataIsAbsent } from "../../data-folder.ts";
import { countEnded } from "../../nas/count-ended.ts";

const parent = mkdtempSync(join(tmpdir(), "finch-cifar-"));
afterAll(() => rm(parent, { recursive: true, force: true }));
const program = fileURLToPath(new URL("./cifar-search-process.ts", import.meta.url));

const absent = dataIsAbsent("cifar-10-binary.tar.gz");

test.skipIf(absent)(
  "24 candidates on CIFAR-10, killed half-way: same number, no duplicates, a front within the limits",
  async () => {
    const out = join(parent, "run");
    const budget = 24;
    const command = [program, dataFolder, out, String(budget)];
    const killed = spawn(process.execPath, command, { stdio: "ignore" });
    const exited = once(killed, "exit");
    while (countEnded(out) < budget / 2) await sleep(20);
    killed.kill("SIGKILL");
    await exited;
    const ended = countEnded(out);
    expect(ended).toBeLessThan(budget);

    const again = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "inherit"] });
    const result = searchResultSchema.parse(JSON.parse(await text(again.stdout)));
    expect(result).toMatchObject({ evaluated: budget, failed: 0, resumed: true });
    expect(result.front.length).toBeGreaterThan(0);
    for (const { parameters, macs, validationAccuracy } of result.front) {
      expect(parameters).toBeLessThanOrEqual(100_000);
      expect(macs).toBeLessThanOrEqual(30_000_000);
      expect(validationAccuracy).toBeGreaterThan(0.1);
    }
  },
);
