import { describe, expect, test } from "vitest";
import { memoryStore } from "../../nas/memory-store.ts";
import { RunnerError, type Runner } from "../../nas/runner.ts";
import { inProcessRunner } from "../../nas/runners/in-process.ts";
import { workerPoolRunner } from "../../nas/runners/worker-pool.ts";
import { retrainResultSchema, searchResultSchema } from "../../nas/schema.ts";
import { search, type SearchEvent, type SearchOptions } from "../../nas/search.ts";
import type { Retrainer } from "../../nas/search-run.ts";
import { choice, group } from "../../nas/space/parameter.ts";
import { presets } from "../../nas/space/presets.ts";
import { defineSpace } from "../../nas/space/space.ts";
import { ageingEvolution } from "../../nas/strategies/ageing-evolution.ts";
import { createEvaluator, type CheapOptions } from "./fixtures/cheap-evaluator.ts";
import { countCosts, tinyData } from "./networks.ts";

const hybrid = presets.hybrid!;
const limits = { parameters: 100_000, macs: 30_000_000 };

function options(changes: Partial<SearchOptions> = {}): SearchOptions {
  return {
    budget: 10,
    costs: countCosts,
    runner: inProcessRunner(createEvaluator({})),
    limits,
    strategy: ageingEvolution({ population: 6, sample: 3 }),
    seed: 3,
    ...changes,
  };
}

function workers(jobs: number, evaluator: CheapOptions, timeoutSeconds?: number): Runner {
  const module = new URL("./fixtures/cheap-evaluator.ts", import.meta.url).href;
  return workerPoolRunner({ module, options: evaluator, jobs, timeoutSeconds });
}

describe("search", () => {
  test("ends with a front within the limits, as its schema says", async () => {
    const run = await search(hybrid, tinyData, options());
    const result = searchResultSchema.parse(run.result());
    expect(result).toMatchObject({ evaluated: 10, failed: 0, resumed: false, run: null });
    expect(result.best).toBe(result.front[0]!.id);
    const accuracies = run.trials.map(({ evaluation }) => evaluation!.validationAccuracy);
    expect(run.best!.validationAccuracy).toBe(Math.max(...accuracies));
    for (const { parameters, macs, architecture } of result.front) {
      expect(parameters).toBeLessThanOrEqual(limits.parameters);
      expect(macs).toBeLessThanOrEqual(limits.macs);
      expect(countCosts(architecture)).toMatchObject({ parameters, macs });
    }
  });

  test("the same seed finds the same, another seed something else", async () => {
    const ids = async (seed: number) =>
      (await search(hybrid, tinyData, options({ seed, budget: 8 }))).trials.map(({ id }) => id);
    const first = await ids(3);
    expect(await ids(3)).toEqual(first);
    expect(await ids(4)).not.toEqual(first);
  });

  test("resumes from an abort without evaluating anything twice", async () => {
    const store = memoryStore();
    const started: string[] = [];
    for (const stopAfter of [3, 7]) {
      const stop = new AbortController();
      const onEvent = (event: SearchEvent) => {
        if (event.type === "finished" && event.evaluated === stopAfter) stop.abort(new Error("enough"));
      };
      await expect(search(hybrid, tinyData, options({ store, onEvent, signal: stop.signal }))).rejects.toThrow(
        "enough",
      );
    }
    const onEvent = (event: SearchEvent) => {
      if (event.type === "started") started.push(event.trial.id);
    };
    const run = await search(hybrid, tinyData, options({ store, onEvent }));
    expect(run.resumed).toBe(true);
    expect(started.length).toBe(10 - 7);
    const undisturbed = await search(hybrid, tinyData, options());
    expect(run.trials.map(({ id }) => id)).toEqual(undisturbed.trials.map(({ id }) => id));
    expect(run.result().front).toEqual(undisturbed.result().front);
  });

  test("refuses changed settings with the difference, but takes a larger budget", async () => {
    const store = memoryStore();
    await search(hybrid, tinyData, options({ store, budget: 2 }));
    await expect(
      search(hybrid, { ...tinyData, fingerprint: "beef" }, options({ store, seed: 4, limits: { parameters: 90_000 } })),
    ).rejects.toThrow(
      'run: was started with other settings: data.fingerprint was "f00d", now "beef"; limits.macs was 30000000, now not set; limits.parameters was 100000, now 90000; seed was 3, now 4. Repeat those, choose another --out, or start anew with --fresh',
    );
    await expect(search(presets.resnet!, tinyData, options({ store }))).rejects.toThrow('space.name was "hybrid"');
    expect((await search(hybrid, tinyData, options({ store, budget: 3 }))).result().evaluated).toBe(3);
  });

  test("a candidate that fails is recorded with its reason", async () => {
    const run = await search(hybrid, tinyData, options({ runner: inProcessRunner(createEvaluator({ failing: 0.5 })) }));
    const failed = run.trials.filter(({ status }) => status === "failed");
    expect(failed.length).toBeGreaterThan(0);
    expect(failed.length).toBeLessThan(10);
    expect(new Set(failed.map(({ reason }) => reason))).toEqual(new Set(["out of luck"]));
    expect(run.result()).toMatchObject({ evaluated: 10, failed: failed.length });
    const all = await search(
      hybrid,
      tinyData,
      options({ budget: 3, runner: inProcessRunner(createEvaluator({ failing: 1, how: "diverge" })) }),
    );
    expect(all.trials[0]!.reason).toMatch(/^training diverged: loss NaN, validation accuracy 0\.\d+$/);
    expect(searchResultSchema.parse(all.result())).toMatchObject({ evaluated: 3, failed: 3, front: [], best: null });
  });

  test("stops early when the space has no more candidates", async () => {
    const space = defineSpace({
      name: "three",
      parameters: group({ channels: choice(4, 8, 12) }),
      build: ({ channels }) => ({
        blocks: [{ type: "convBnRelu", channels, kernel: 3 }, { type: "globalAveragePool" }, { type: "linear" }],
      }),
    });
    const events: string[] = [];
    const onEvent = ({ type }: SearchEvent) => void events.push(type);
    const run = await search(space, tinyData, options({ onEvent, tries: 50 }));
    expect(run.result().evaluated).toBe(3);
    expect(events).toContain("exhausted");
  });

  test("limits that nothing keeps end it", async () => {
    await expect(search(hybrid, tinyData, options({ limits: { parameters: 10 }, tries: 40 }))).rejects.toThrow(
      /no candidate within limits after 40 tries: closest had [\d,]+ parameters \(limit 10\)/,
    );
  });

  test("retrains the winners once", async () => {
    let trained = 0;
    const promoted: string[] = [];
    const retrainer: Retrainer = {
      settings: { batchSize: 128 },
      retrain: ({ id, validationAccuracy }) => {
        trained++;
        return Promise.resolve({ checkpoint: `models/${id}`, validationAccuracy, testAccuracy: null });
      },
      promote: ({ id }) => Promise.resolve(void promoted.push(id)),
    };
    const run = await search(hybrid, tinyData, options({ retrainer }));
    const first = retrainResultSchema.parse(await run.retrain({ top: 2, epochs: 5 }));
    expect(first.models.map(({ id }) => id)).toEqual(
      run
        .front()
        .slice(0, 2)
        .map(({ id }) => id),
    );
    expect(await run.retrain({ top: 2, epochs: 5 })).toEqual(first);
    expect(trained).toBe(2);
    await run.retrain({ top: 1, epochs: 6 });
    expect(trained).toBe(3);
    expect(new Set(promoted)).toEqual(new Set([run.best!.id]));
    const without = await search(hybrid, tinyData, options({ budget: 1 }));
    await expect(without.retrain({ epochs: 1 })).rejects.toThrow("retrain: the search was given no retrainer");
  });
});

describe("worker pool", () => {
  test("evaluates as the calling thread does", async () => {
    const runner = workers(2, { milliseconds: 5 });
    const run = await search(hybrid, tinyData, options({ runner }));
    await runner.close();
    expect(run.result()).toMatchObject({ evaluated: 10, failed: 0 });
    for (const { architecture, seed, evaluation } of run.trials)
      expect(await createEvaluator({}).evaluate(architecture, { seed })).toEqual(evaluation);
  });

  test.each([
    ["exits", "exit", "the worker crashed: exit code 7"],
    ["hangs", "hang", "timed out after 0.5 s"],
  ] as const)("a worker that %s costs its candidate only", async (_, how, reason) => {
    const runner = workers(2, { failing: 0.3, how }, how === "hang" ? 0.5 : undefined);
    const run = await search(hybrid, tinyData, options({ runner }));
    await runner.close();
    const failed = run.trials.filter(({ status }) => status === "failed");
    expect(failed.length).toBeGreaterThan(0);
    expect(failed.length).toBeLessThan(10);
    expect(failed.map((trial) => trial.reason)).toEqual(failed.map(() => reason));
  });

  test("an evaluator that cannot start ends the search, not the candidates", async () => {
    const runner = workers(1, { how: "start" });
    const store = memoryStore();
    const failure = search(hybrid, tinyData, options({ runner, store }));
    await expect(failure).rejects.toThrow(RunnerError);
    await expect(failure).rejects.toThrow("no such device");
    const [trial] = await (await store()).trials();
    expect(trial!.status).toBe("running");
    await runner.close();
  });

  test("an abort stops workers in the middle of a candidate", async () => {
    const runner = workers(2, { failing: 1, how: "hang" });
    const stop = new AbortController();
    const onEvent = (event: SearchEvent) => {
      if (event.type === "started") setTimeout(() => stop.abort(new Error("Ctrl-C")), 50);
    };
    await expect(search(hybrid, tinyData, options({ runner, onEvent, signal: stop.signal }))).rejects.toThrow("Ctrl-C");
    await runner.close();
  });
});
