import { ConfigError } from "../engine/errors.ts";
import { canonicalJson } from "./json.ts";
import type { OpenStore, RetrainedModel, RunStore, Settings, Trial } from "./run-store.ts";

/** A store that lives as long as the process; opening it again continues it. */
export function memoryStore(): OpenStore {
  let configured: Settings | undefined;
  const trials = new Map<string, Trial>();
  const models = new Map<string, RetrainedModel>();
  let ended = 0;

  function end(id: string, outcome: Pick<Trial, "status" | "evaluation" | "reason">): Promise<Trial> {
    const trial = trials.get(id);
    if (trial?.status !== "running") throw new ConfigError(`run: trial ${id} is not running`);
    const changed: Trial = { ...trial, ...outcome, order: ended++, endedAt: new Date().toISOString() };
    trials.set(id, changed);
    return Promise.resolve(changed);
  }

  const store: RunStore = {
    location: null,
    configuration: () => Promise.resolve(configured),
    configure: (settings) => Promise.resolve(void (configured = settings)),
    setStatus: () => Promise.resolve(),
    trials: () => Promise.resolve([...trials.values()].sort((a, b) => a.index - b.index)),
    add(proposal) {
      if (trials.has(proposal.id)) throw new ConfigError(`run: candidate ${proposal.id} is there already`);
      const trial: Trial = {
        ...proposal,
        status: "running",
        order: null,
        evaluation: null,
        reason: null,
        proposedAt: new Date().toISOString(),
        endedAt: null,
      };
      trials.set(trial.id, trial);
      return Promise.resolve(trial);
    },
    finish: (id, evaluation) => end(id, { status: "finished", evaluation, reason: null }),
    fail: (id, reason) => end(id, { status: "failed", evaluation: null, reason }),
    models: () => Promise.resolve([...models.values()]),
    saveModel: (model) => Promise.resolve(void models.set(`${model.id} ${canonicalJson(model.settings)}`, model)),
    close: () => Promise.resolve(),
  };
  return () => Promise.resolve(store);
}
