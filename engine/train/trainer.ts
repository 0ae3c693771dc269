import type { Backend, Program } from "../backend.ts";
import { nextBatch, trainingBatchCount, trainingBatches } from "../data/batches.ts";
import type { Augmentation } from "../data/augment/augmentation.ts";
import type { Batch, DataSet } from "../data/image-set.ts";
import { ConfigError, FinchError } from "../errors.ts";
import { defaultBackend } from "../evaluate.ts";
import type { Model } from "../model.ts";
import { stepSeed } from "../random.ts";
import { version } from "../version.ts";
import type { Checkpoint } from "./checkpoint.ts";
import {
  checkFits,
  evaluateProgram,
  readState,
  writeState,
  type Evaluation,
  type ModelState,
} from "./evaluate-model.ts";
import { emptyTally, tallyBatch, type EpochMetrics } from "./metrics.ts";
import { adamW, type Optimizer } from "./optimizers.ts";
import { oneCycle, type Schedule } from "./schedules.ts";
import { evaluationStep, trainingStep } from "./training-step.ts";
import { averagedState, type WeightAverageOptions } from "./weight-average.ts";

export interface TrainerOptions {
  /** Default AdamW with weight decay 1e-5. */
  readonly optimizer?: Optimizer;
  /** Default one-cycle with peak 1e-3. */
  readonly schedule?: Schedule;
  /** Label smoothing. Default 0. */
  readonly smoothing?: number;
  /** Largest gradient norm; none by default. */
  readonly clipNorm?: number | undefined;
  /** Keep a moving average of the weights, which is then what is validated and shipped; none by default. */
  readonly ema?: WeightAverageOptions | undefined;
  /** What else a resumed training must have alike, such as what its model began with; kept in checkpoints. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Default: the default back end. */
  readonly backend?: Backend;
}

export interface FitOptions {
  readonly epochs: number;
  /** Default 128. */
  readonly batchSize?: number;
  /** Decides order and augmentation. Default 0. */
  readonly seed?: number;
  readonly augment?: readonly Augmentation[];
  /** Continue from here, bit for bit. */
  readonly resume?: Checkpoint | undefined;
  /** Accept a checkpoint of another numerics profile. Default false. */
  readonly allowDifferentBits?: boolean;
  /** Epochs from one validation to the next; the last epoch is always validated. Default 1. */
  readonly validateEvery?: number;
  /** Stop when validation accuracy has not risen by `minimumGain` for `patience` epochs. */
  readonly earlyStop?: { readonly patience: number; readonly minimumGain?: number } | undefined;
  readonly callbacks?: readonly Callback[];
  /** Ends the training after the step in flight; `checkpoint()` then continues from there. */
  readonly signal?: AbortSignal | undefined;
}

export interface StepInfo {
  readonly epoch: number;
  readonly step: number;
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
  readonly loss: number;
  readonly learningRate: number;
  /** Since the start of this epoch's training. */
  readonly imagesPerSecond: number;
}

/** Hooks into a training; each may be asynchronous. */
export interface Callback {
  readonly onStep?: (info: StepInfo) => void | Promise<void>;
  readonly onEpoch?: (metrics: EpochMetrics, trainer: Trainer) => void | Promise<void>;
}

interface Progress {
  readonly data: DataSet;
  readonly settings: Record<string, unknown>;
  readonly history: EpochMetrics[];
  partial: Checkpoint["partial"];
  step: number;
}

/** Where a training stood when its values were last read from the back end. */
interface Snapshot {
  readonly step: number;
  readonly epochs: number;
  readonly partial: Checkpoint["partial"];
  readonly slots: ModelState;
}

/** What one call of `fit` works with. */
interface Run {
  readonly data: DataSet;
  readonly options: FitOptions;
  readonly schedule: Schedule;
  readonly program: Program;
  /** Absent without validation images. */
  readonly evaluation: Program | undefined;
  readonly inputNames: ReadonlySet<string>;
  /** From where `progress` stands to the end of the last epoch. */
  readonly batches: Iterator<Batch>;
  readonly progress: Progress;
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
  /** The batch of the coming step, made while the one before was computed. */
  batch: Batch | undefined;
}

const defaultBatchSize = 128;

/** Trains a model on one back end. */
export class Trainer {
  readonly model: Model;
  readonly #options: TrainerOptions;
  #backend: Backend | undefined;
  #program: Program | undefined;
  #activationBytes: number | undefined;
  #finalSlots: ModelState | undefined;
  #progress: Progress | undefined;
  #snapshot: Snapshot | undefined;
  #wasSetBack = false;

  constructor(model: Model, options: TrainerOptions = {}) {
    this.model = model;
    this.#options = options;
  }

  /**
   * Trains for `epochs` epochs and yields the metrics of each. The last partial batch of an epoch is dropped.
   * @throws ConfigError when a resumed checkpoint has other settings, data or numerics; DataError when data and model do
   * not fit; BackendError when the back end is lost, a GPU say: `checkpoint()` then gives the state that was read last
   */
  async *fit(data: DataSet, options: FitOptions): AsyncGenerator<EpochMetrics, void, void> {
    const {
      epochs,
      batchSize = defaultBatchSize,
      seed = 0,
      augment = [],
      resume,
      validateEvery = 1,
      earlyStop,
      callbacks = [],
      signal,
    } = options;
    const {
      optimizer = adamW({ weightDecay: 1e-5 }),
      schedule = oneCycle(),
      smoothing = 0,
      clipNorm,
      ema,
    } = this.#options;
    checkFits(this.model, data.train);
    const stepsPerEpoch = trainingBatchCount(data.train, batchSize);
    if (stepsPerEpoch === 0)
      throw new ConfigError(
        `train: a batch of ${batchSize} is larger than the training set of ${data.train.count} images`,
      );
    const totalSteps = epochs * stepsPerEpoch;
    const backend = (this.#backend = this.#options.backend ?? (await defaultBackend()));
    const settings = {
      epochs,
      batchSize,
      seed,
      smoothing,
      clipNorm: clipNorm ?? null,
      ema: ema ?? null,
      optimizer: { name: optimizer.name, ...optimizer.settings },
      schedule: { name: schedule.name, ...schedule.settings },
      augmentation: augment.map(({ name, settings }) => ({ name, ...settings })),
      trainingImages: data.train.count,
      ...this.#options.settings,
    };
    if (resume !== undefined) checkResumable(resume, settings, data, backend, options.allowDifferentBits ?? false);

    const progress: Progress = (this.#progress = {
      data,
      settings,
      history: [...(resume?.history ?? [])],
      partial: { ...(resume?.partial ?? { ...emptyTally(), seconds: 0 }) },
      step: resume?.step ?? 0,
    });
    const { normalization } = data;
    const graph = trainingStep(this.model, { batchSize, normalization, optimizer, smoothing, clipNorm, ema });
    const inputNames = new Set(graph.inputs.map((node) => node.name));
    const epoch = progress.history.length;
    const batches = trainingBatches(data.train, {
      ...{ batchSize, normalization, seed, augment },
      ...{ epoch, until: epochs, from: progress.step - epoch * stepsPerEpoch },
    });
    const program = (this.#program = await backend.compile(graph));
    this.#activationBytes = program.statistics.arenaBytes;
    [this.#snapshot, this.#wasSetBack] = [undefined, false];
    let evaluation: Program | undefined;
    let failed = false;
    try {
      if (data.validation.count > 0)
        evaluation = await backend.compile(evaluationStep(this.model, batchSize, normalization));
      const run: Run = {
        ...{ data, options, schedule, program, evaluation, inputNames, batches, progress, stepsPerEpoch, totalSteps },
        batch: undefined,
      };
      if (resume !== undefined) await writeState(program, resume.slots);
      this.#keep(await this.#slots());
      for (let epoch = progress.history.length; epoch < epochs; epoch++) {
        if (signal?.aborted || shouldStop(progress.history, earlyStop)) break;
        await trainEpoch(run, epoch);
        if (progress.step < (epoch + 1) * stepsPerEpoch) break;
        const slots = await this.#slots();
        const isDue = (epoch + 1) % validateEvery === 0 || epoch + 1 === epochs;
        const metrics = epochMetrics(run, epoch, isDue ? await this.#validate(run, slots) : undefined);
        progress.history.push(metrics);
        progress.partial = { ...emptyTally(), seconds: 0 };
        this.#keep(slots);
        for (const callback of callbacks) await callback.onEpoch?.(metrics, this);
        yield metrics;
      }
    } catch (error) {
      failed = true;
      throw error;
    } finally {
      await this.#end(failed);
      await program.dispose();
      await evaluation?.dispose();
    }
  }

  /** Takes what the program holds; where it `failed` and holds nothing any more, goes back to what was read last. */
  async #end(failed: boolean): Promise<void> {
    const slots = await this.#slots().catch((error: unknown) => {
      if (!failed) throw error;
      return undefined;
    });
    this.#program = undefined;
    this.#finalSlots = slots ?? this.#setBack();
  }

  #keep(slots: ModelState): void {
    const { step, history, partial } = this.#progress!;
    this.#snapshot = { step, epochs: history.length, partial: { ...partial }, slots };
  }

  #setBack(): ModelState | undefined {
    if (this.#snapshot === undefined) return undefined;
    const { step, epochs, partial, slots } = this.#snapshot;
    Object.assign(this.#progress!, { step, partial: { ...partial } });
    this.#progress!.history.splice(epochs);
    this.#wasSetBack = true;
    return slots;
  }

  async #validate({ data, options, evaluation }: Run, slots: ModelState): Promise<Evaluation | undefined> {
    if (evaluation === undefined) return undefined;
    await writeState(evaluation, averagedState(slots));
    const { batchSize = defaultBatchSize } = options;
    return evaluateProgram(evaluation, data.validation, batchSize, this.model.classes);
  }

  /** Bytes of intermediate values of one step, once `fit` has compiled it. */
  get activationBytes(): number | undefined {
    return this.#activationBytes;
  }

  /** Metrics of all epochs so far, those before a resume included. */
  get history(): readonly EpochMetrics[] {
    return this.#progress?.history ?? [];
  }

  /** Whether `fit` lost its back end: all is then as at the end of the last epoch, or at a later `checkpoint()`. */
  get wasSetBack(): boolean {
    return this.#wasSetBack;
  }

  /** Values of all slots now, during `fit` or as it left them; weights are their averages where `ema` keeps such. */
  async state(): Promise<ModelState> {
    return averagedState(await this.#slots());
  }

  async #slots(): Promise<ModelState> {
    if (this.#program !== undefined) return readState(this.#program, this.#program.slotNames);
    if (this.#finalSlots !== undefined) return this.#finalSlots;
    return new Map(this.model.slots.map((slot) => [slot.name, slot.initial()]));
  }

  /** Everything to continue from here. @throws ConfigError before `fit`, or for a model not made from an architecture */
  async checkpoint(): Promise<Checkpoint> {
    const { architecture } = this.model;
    if (this.#progress === undefined || this.#backend === undefined)
      throw new ConfigError("checkpoint: nothing has been trained yet: call fit first");
    if (architecture === undefined)
      throw new ConfigError(
        "checkpoint: only models made from an architecture can be saved: use Model.fromArchitecture",
      );
    const slots = await this.#slots();
    if (this.#program !== undefined) this.#keep(slots);
    const { data, settings, history, partial, step } = this.#progress;
    const { name: backend, variant, profile } = this.#backend;
    return {
      version,
      architecture,
      classes: [...data.classes],
      normalization: { mean: [...data.normalization.mean], deviation: [...data.normalization.deviation] },
      data: { name: data.name, fingerprint: data.fingerprint },
      backend,
      variant,
      profile: profile.id,
      settings,
      step,
      partial: { ...partial },
      history: [...history],
      slots: new Map(slots),
    };
  }
}

/** Trains from where `progress` stands to the end of the epoch, or until the signal. */
async function trainEpoch(run: Run, epoch: number): Promise<void> {
  const { options, schedule, program, inputNames, batches, progress, stepsPerEpoch, totalSteps } = run;
  const { seed = 0, callbacks = [], signal } = options;
  const { partial } = progress;
  const end = (epoch + 1) * stepsPerEpoch;
  const before = partial.seconds;
  const started = performance.now();
  while (progress.step < end && !signal?.aborted) {
    const batch = (run.batch ??= nextBatch(batches)!);
    const learningRate = schedule.at(progress.step, totalSteps);
    const running = program.run({
      images: batch.images,
      labels: batch.labels,
      learningRate: Float32Array.of(learningRate),
      ...(inputNames.has("step") && { step: Float32Array.of(progress.step + 1) }),
      ...(inputNames.has("seed") && { seed: stepSeed(seed, progress.step) }),
    });
    run.batch = nextBatch(batches);
    await running;
    const loss = (await program.read("loss"))[0]!;
    tallyBatch(partial, batch, loss, await program.read("probabilities"));
    partial.seconds = before + (performance.now() - started) / 1000;
    progress.step++;
    if (!Number.isFinite(loss))
      throw new FinchError(
        `train: the loss is ${loss} at step ${progress.step} of epoch ${epoch + 1}: lower the learning rate or clip the gradients`,
      );
    const imagesPerSecond = partial.images / partial.seconds;
    const info = {
      epoch: epoch + 1,
      step: progress.step,
      stepsPerEpoch,
      totalSteps,
      loss,
      learningRate,
      imagesPerSecond,
    };
    for (const callback of callbacks) await callback.onStep?.(info);
  }
}

function epochMetrics({ schedule, progress, totalSteps }: Run, epoch: number, validation?: Evaluation): EpochMetrics {
  const { partial, step } = progress;
  return {
    epoch: epoch + 1,
    step,
    learningRate: schedule.at(step - 1, totalSteps),
    trainLoss: partial.lossSum / partial.images,
    trainAccuracy: partial.correct / partial.images,
    validationLoss: validation?.loss ?? null,
    validationAccuracy: validation?.accuracy ?? null,
    seconds: partial.seconds,
    imagesPerSecond: partial.images / partial.seconds,
  };
}

function shouldStop(history: readonly EpochMetrics[], rule: FitOptions["earlyStop"]): boolean {
  if (rule === undefined || history.length <= rule.patience || history.at(-1)!.validationAccuracy === null)
    return false;
  const best = (from: number, to?: number): number =>
    Math.max(...history.slice(from, to).map((metrics) => metrics.validationAccuracy ?? 0));
  return best(history.length - rule.patience) <= best(0, history.length - rule.patience) + (rule.minimumGain ?? 0);
}

function checkResumable(
  checkpoint: Checkpoint,
  settings: Record<string, unknown>,
  data: DataSet,
  backend: Backend,
  allowDifferentBits: boolean,
): void {
  for (const name of new Set([...Object.keys(settings), ...Object.keys(checkpoint.settings)])) {
    const [before, now] = [checkpoint.settings, settings].map((each) => JSON.stringify(each[name] ?? null));
    if (before !== now)
      throw new ConfigError(`resume: ${name} was ${before} and is now ${now}: give the same settings or start anew`);
  }
  if (checkpoint.data.fingerprint !== data.fingerprint)
    throw new ConfigError(
      `resume: the data differ: trained on ${checkpoint.data.name} ${checkpoint.data.fingerprint}, given ${data.name} ${data.fingerprint}`,
    );
  if (checkpoint.profile !== backend.profile.id && !allowDifferentBits)
    throw new ConfigError(
      `resume: trained with numerics ${checkpoint.profile}, this back end has ${backend.profile.id}: pass --allow-different-bits to go on with other rounding`,
    );
}
