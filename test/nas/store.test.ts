import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createSampler } from "../../nas/sampler.ts";
import { searchResultSchema, type SearchResult } from "../../nas/schema.ts";
import { proposeTrial } from "../../nas/search.ts";
import { SearchRun } from "../../nas/search-run.ts";
import { presets } from "../../nas/space/presets.ts";
import { sqliteStore } from "../../nas/store/sqlite.ts";
import { ageingEvolution } from "../../nas/strategies/ageing-evolution.ts";
import { countEnded } from "./count-ended.ts";
import { cifar, countCosts } from "./networks.ts";

const program = fileURLToPath(new URL("./fixtures/search-process.ts", import.meta.url));
let parent: string;
let folder: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "finch-store-"));
  folder = join(parent, "run");
});
afterEach(() => rm(parent, { recursive: true, force: true }));

function finish(budget: number, jobs: number): SearchResult {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, folder, String(budget), String(jobs)]);
  expect(status, String(stderr)).toBe(0);
  return searchResultSchema.parse(JSON.parse(String(stdout)));
}

describe("a search killed at any instant", () => {
  test(
    "goes on to the same number of candidates, without duplicates, and can be retraced",
    { timeout: 60_000 },
    async () => {
      const budget = 16;
      const jobs = 2;
      for (const ended of [0, 2, 6, 11]) {
        const process_ = spawn(process.execPath, [program, folder, String(budget), String(jobs)], { stdio: "ignore" });
        const exited = once(process_, "exit");
        while (countEnded(folder) <= ended) await sleep(2);
        await sleep((ended * 13) % 17);
        process_.kill("SIGKILL");
        await exited;
        expect(countEnded(folder)).toBeLessThan(budget);
      }

      const result = finish(budget, jobs);
      expect(result).toMatchObject({ evaluated: budget, failed: 0, resumed: true, run: folder });
      const again = finish(budget, jobs);
      expect(again).toEqual(result);

      const { trials, limits, objectives } = await SearchRun.open(sqliteStore(folder, { mustExist: true }));
      expect(trials.map(({ index }) => index)).toEqual(Array.from({ length: budget }, (_, index) => index));
      expect(trials.map(({ order }) => order!).sort((a, b) => a - b)).toEqual(trials.map(({ index }) => index));
      expect(new Set(trials.map(({ id }) => id)).size).toBe(budget);
      for (const { costs } of trials) {
        expect(costs.parameters).toBeLessThanOrEqual(100_000);
        expect(costs.macs).toBeLessThanOrEqual(30_000_000);
      }
      const sampler = createSampler(presets.hybrid!, cifar, countCosts, { limits });
      const strategy = ageingEvolution({ population: 8, sample: 4 });
      for (const { index, id, seen, parent: parentId, origin } of trials) {
        const known = trials
          .slice(0, index)
          .map((trial) => (trial.order! < seen ? trial : { ...trial, status: "running" as const }));
        const proposal = proposeTrial({ strategy, sampler, objectives, limits, seed: 5 }, known, index)!;
        expect({ id: proposal.candidate.id, parent: proposal.parent, origin: proposal.origin }).toEqual({
          id,
          parent: parentId,
          origin,
        });
      }
      expect(JSON.parse(readFileSync(join(folder, "run.json"), "utf8"))).toMatchObject({
        schemaVersion: 1,
        kind: "search",
        status: "finished",
        seed: 5,
      });
    },
  );

  test("a larger budget continues a finished run", { timeout: 30_000 }, () => {
    expect(finish(3, 1)).toMatchObject({ evaluated: 3, resumed: false });
    expect(finish(5, 1)).toMatchObject({ evaluated: 5, resumed: true });
  });
});

describe("run folder", () => {
  test("one process works on it", async () => {
    const store = await sqliteStore(folder)();
    const { status, stderr } = spawnSync(process.execPath, [program, folder, "3", "1"]);
    expect(status).toBe(1);
    expect(String(stderr)).toContain(`ConfigError: ${folder}: another process is working on this run`);
    await store.close();
    await (await sqliteStore(folder)()).close();
  });

  test("fresh moves an earlier run aside", async () => {
    const first = await sqliteStore(folder)();
    await first.configure({ seed: 1 });
    await first.close();
    const second = await sqliteStore(folder, { fresh: true })();
    expect(await second.configuration()).toBeUndefined();
    await second.close();
    expect(readdirSync(parent).sort()).toEqual(["run", "run.old-1"]);
    const old = await sqliteStore(`${folder}.old-1`, { mustExist: true })();
    expect(await old.configuration()).toEqual({ seed: 1 });
    await old.close();
  });

  test("folders that hold something else, or nothing, are refused", async () => {
    await expect(sqliteStore(folder, { mustExist: true })()).rejects.toThrow(`${folder}: there is no search run`);
    writeFileSync(join(parent, "thesis.tex"), "");
    await expect(sqliteStore(parent)()).rejects.toThrow(`${parent}: is not a search run: it holds thesis.tex`);
    await expect(sqliteStore(join(parent, "thesis.tex", "run"))()).rejects.toThrow("thesis.tex is not a folder");
  });

  test("a store of a newer Finch, or a damaged one, is refused", async () => {
    await (await sqliteStore(folder)()).close();
    const database = new DatabaseSync(join(folder, "search.sqlite"));
    database.exec("PRAGMA user_version = 99");
    database.close();
    await expect(sqliteStore(folder)()).rejects.toThrow(
      "search.sqlite: has schema version 99, this Finch knows up to 1",
    );
    writeFileSync(join(folder, "search.sqlite"), "no database at all, but text that is long enough");
    await expect(sqliteStore(folder)()).rejects.toThrow("search.sqlite: file is not a database");
  });
});
