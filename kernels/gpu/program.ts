import type { Feeds, Program, ProgramStatistics } from "../../engine/backend.ts";
import { checkFeed } from "../../engine/byte-lookup.ts";
import { BackendError } from "../../engine/errors.ts";
import type { Graph } from "../../engine/graph.ts";
import { elementCount } from "../../engine/shape.ts";
import { packBytes } from "./byte-lookup.ts";
import type { Pattern, Value } from "./emitter.ts";
import type { DeviceKernel, GpuDevice, Held, Upload } from "./device.ts";
import type { Launch } from "./fuse.ts";
import type { Dispatch } from "./gpu-js.ts";
import { mostAlive, shareMemory, type SharedMemory } from "./memory.ts";
import { ResultMemory } from "./result-memory.ts";
import { planGpu, type GpuPlan, type Report, type SlotArray } from "./plan.ts";

/** What a program has done on the device, and what it has there. */
export interface GpuCounts {
  /** Kernel launches since it was compiled, uploads not among them. */
  readonly launches: number;
  readonly uploads: number;
  readonly readBacks: number;
  /** On the device now: state, inputs with what brings them there, and intermediate values, which share memory. */
  readonly liveBytes: number;
}

export interface GpuProgram extends Program {
  readonly counts: GpuCounts;
  /**
   * Runs one more step, on the inputs of the last, waiting for each launch.
   * @throws BackendError where the mode cannot tell when a launch is over: all but `webgpu`
   */
  trace(): Promise<readonly LaunchTime[]>;
}

/** One launch of a traced step. */
export interface LaunchTime {
  readonly op: string;
  readonly pattern: Pattern;
  /** From its start until the device has done it. */
  readonly seconds: number;
  /** Of its operands and its result, each once. */
  readonly bytes: number;
}

interface Step {
  readonly launch: Launch;
  readonly kernel: DeviceKernel;
}

/** The values of an array of slots: on the device, in memory, or the same in both. */
interface SlotState {
  /** Unless only the device has them. */
  host: Float32Array | undefined;
  /** The device has others, or none. */
  changed: boolean;
}

/** Everything but inputs and what is read stays on the device. */
export class DeviceProgram implements GpuProgram {
  readonly statistics: ProgramStatistics;
  readonly #plan: GpuPlan;
  readonly #device: GpuDevice;
  readonly #steps: readonly Step[];
  readonly #reports = new Map<Report, { readonly steps: readonly Step[]; values: Float32Array | undefined }>();
  readonly #uploads = new Map<number, Upload>();
  readonly #memories: ResultMemory[] = [];
  readonly #held = new Map<number, Held>();
  readonly #inputs = new Map<number, Float32Array>();
  readonly #slots = new Map<SlotArray, SlotState>();
  readonly #missing: Set<string>;
  readonly #counts = { launches: 0, uploads: 0, readBacks: 0 };
  #hasRun = false;
  /** Runs since arrays last changed places: all kernels are bound to the same ones again after two. */
  #settled = 0;
  #dispatches: readonly Dispatch[] | undefined;
  #disposed = false;

  /** @throws BackendError when an array is too large */
  constructor(graph: Graph, device: GpuDevice) {
    const plan = (this.#plan = planGpu(graph));
    this.#device = device;
    const shared = shareMemory(plan, (count, room) => device.fits(count, room));
    const memoryOf = new Map<number, ResultMemory>();
    for (const { count, arrays } of shared) {
      const memory = this.#memory(count);
      for (const array of arrays) memoryOf.set(array, memory);
    }
    this.#steps = this.#kernelsOf(plan.launches, ({ array }) => memoryOf.get(array)!);
    for (const { report } of plan.outputs.values())
      if (!this.#reports.has(report))
        this.#reports.set(report, {
          steps: this.#kernelsOf(report.launches, ({ count }) => this.#memory(count)),
          values: undefined,
        });
    for (const list of plan.slotArrays) {
      const host = new Float32Array(plan.counts[list.array]!);
      let offset = 0;
      for (const slot of list.slots) {
        host.set(slot.initial(), offset);
        offset += elementCount(slot.shape);
      }
      this.#slots.set(list, { host, changed: true });
    }
    this.#missing = new Set(plan.inputs.keys());
    this.statistics = statisticsOf(plan, shared);
  }

  get slotNames(): readonly string[] {
    return [...this.#plan.slots.keys()];
  }

  get counts(): GpuCounts {
    const bytes = [...this.#memories, ...this.#uploads.values()].reduce((sum, { bytes }) => sum + bytes, 0);
    return { ...this.#counts, liveBytes: this.#disposed ? 0 : bytes };
  }

  async run(inputs: Feeds = {}): Promise<void> {
    this.#check();
    const changed = new Set<number>();
    for (const [name, values] of Object.entries(inputs)) {
      const input = this.#plan.inputs.get(name);
      if (input === undefined) throw unknownName("input", name, this.#plan.inputs.keys());
      const { array, count, lookup } = input;
      checkFeed("gpu", name, lookup, values);
      checkLength(`input ${name}`, values, count);
      this.#inputs.set(array, values instanceof Uint8Array ? packBytes(values) : Float32Array.from(values));
      changed.add(array);
      this.#missing.delete(name);
    }
    for (const name of this.#missing) throw new BackendError(`gpu: input ${name} was never given a value`);
    if (!this.#hasRun)
      for (const { array, data } of this.#plan.constants) {
        this.#inputs.set(array, data);
        changed.add(array);
      }
    for (const array of changed) await this.#upload(array, this.#inputs.get(array)!);
    for (const { source, value, make } of this.#plan.derived)
      if (changed.has(source)) await this.#upload(value.array, make(this.#inputs.get(source)!));
    for (const [{ array }, state] of this.#slots) {
      if (!state.changed) continue;
      await this.#upload(array, state.host!);
      state.changed = false;
      this.#settled = 0;
      this.#dispatches = undefined;
    }

    await this.#step();
    this.#advance();
  }

  async trace(): Promise<readonly LaunchTime[]> {
    this.#check();
    if (!this.#hasRun) throw new BackendError("gpu: the program has not run yet");
    const times: LaunchTime[] = [];
    await this.#device.idle();
    for (const step of this.#steps) {
      const { op, pattern, array, operands } = step.launch;
      const start = performance.now();
      await this.#launch([step]);
      await this.#device.idle();
      const seconds = (performance.now() - start) / 1000;
      const cells = [array, ...operands].reduce((sum, one) => sum + this.#plan.counts[one]!, 0);
      times.push({ op, pattern, seconds, bytes: 4 * cells });
    }
    this.#advance();
    return times;
  }

  async read(output: string): Promise<Float32Array> {
    this.#check();
    const found = this.#plan.outputs.get(output);
    if (found === undefined) throw unknownName("output", output, this.#plan.outputs.keys());
    if (!this.#hasRun) throw new BackendError("gpu: the program has not run yet");
    const report = this.#reports.get(found.report)!;
    if (report.values === undefined) {
      await this.#launch(report.steps);
      report.values = await this.#read(found.report.array);
    }
    return partOf(report.values, found.value);
  }

  async readSlot(name: string): Promise<Float32Array> {
    this.#check();
    const { in: list, value } = this.#slot(name);
    return partOf(await this.#hostOf(list), value);
  }

  async writeSlot(name: string, values: Float32Array): Promise<void> {
    this.#check();
    const { in: list, value } = this.#slot(name);
    checkLength(`slot ${name}`, values, value.count);
    (await this.#hostOf(list)).set(values, value.offset);
    this.#slots.get(list)!.changed = true;
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    const reports = [...this.#reports.values()].flatMap(({ steps }) => steps);
    for (const { kernel } of [...this.#steps, ...reports]) kernel.destroy();
    for (const upload of this.#uploads.values()) upload.destroy();
    this.#held.clear();
  }

  #memory(count: number): ResultMemory {
    const memory = new ResultMemory(count);
    this.#memories.push(memory);
    return memory;
  }

  #kernelsOf(launches: readonly Launch[], memoryOf: (launch: Launch) => ResultMemory): Step[] {
    return launches.map((launch) => ({
      launch,
      kernel: this.#device.kernel(launch.op, launch.source, launch.count, memoryOf(launch)),
    }));
  }

  /** What a step computed is what there is now. */
  #advance(): void {
    for (const report of this.#reports.values()) report.values = undefined;
    for (const [{ array, next }, state] of this.#slots) {
      if (next === undefined) continue;
      this.#held.set(array, this.#held.get(next)!);
      state.host = undefined;
    }
    this.#hasRun = true;
  }

  /** Launches all steps: at once, where they have run on the same arrays before and the mode can. */
  async #step(): Promise<void> {
    if (this.#dispatches !== undefined) {
      this.#device.submit(this.#dispatches);
      this.#counts.launches += this.#steps.length;
      return;
    }
    await this.#launch(this.#steps);
    if (++this.#settled < 2) return;
    const dispatches = this.#steps.map(({ kernel }) => kernel.dispatch());
    if (dispatches.every((dispatch) => dispatch !== undefined)) this.#dispatches = dispatches;
  }

  async #launch(steps: readonly Step[]): Promise<void> {
    for (const { launch, kernel } of steps) {
      const operands = launch.operands.map((array) => this.#held.get(array)!);
      this.#held.set(launch.array, await kernel.run(operands));
      this.#counts.launches++;
    }
  }

  async #upload(array: number, values: Float32Array): Promise<void> {
    let upload = this.#uploads.get(array);
    if (upload === undefined) {
      upload = this.#device.upload(values.length);
      this.#uploads.set(array, upload);
    }
    this.#held.set(array, await upload.run(values));
    this.#counts.uploads++;
  }

  async #read(array: number): Promise<Float32Array> {
    const values = await this.#device.read(this.#held.get(array)!, this.#plan.counts[array]!);
    this.#counts.readBacks++;
    return values;
  }

  async #hostOf(list: SlotArray): Promise<Float32Array> {
    const state = this.#slots.get(list)!;
    return (state.host ??= await this.#read(list.array));
  }

  #slot(name: string): { readonly in: SlotArray; readonly value: Value } {
    const found = this.#plan.slots.get(name);
    if (found === undefined) throw unknownName("slot", name, this.#plan.slots.keys());
    return found;
  }

  #check(): void {
    if (this.#disposed) throw new BackendError("gpu: the program was disposed of");
    this.#device.check();
  }
}

function statisticsOf(plan: GpuPlan, shared: readonly SharedMemory[]): ProgramStatistics {
  const { launches, counts, inputs, constants, derived, slotArrays } = plan;
  const bytes = (arrays: readonly number[]): number => 4 * arrays.reduce((sum, array) => sum + counts[array]!, 0);
  return {
    steps: launches.length,
    arenaBytes: 4 * shared.reduce((sum, { count }) => sum + count, 0),
    arenaLowerBoundBytes: 4 * mostAlive(plan),
    stateBytes: bytes([
      ...[...inputs.values()].map(({ array }) => array),
      ...constants.map(({ array }) => array),
      ...derived.map(({ value }) => value.array),
      ...slotArrays.map(({ array }) => array),
    ]),
  };
}

function partOf(values: Float32Array, { offset, count }: Value): Float32Array {
  return values.slice(offset, offset + count);
}

function checkLength(what: string, values: Float32Array | Uint8Array, expected: number): void {
  if (values.length !== expected) throw new BackendError(`gpu: ${what} needs ${expected} values, got ${values.length}`);
}

function unknownName(kind: string, name: string, known: Iterable<string>): BackendError {
  return new BackendError(`gpu: no ${kind} is named ${name}; there is ${[...known].join(", ") || "none"}`);
}
