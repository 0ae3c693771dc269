import type { Feeds, Program, ProgramStatistics } from "../../engine/backend.ts";
import { checkFeed } from "../../engine/byte-lookup.ts";
import { BackendError } from "../../engine/errors.ts";
import type { OpNode } from "../../engine/record.ts";
import type { Float, Operand } from "./emitter.ts";
import type { Heap } from "./heap.ts";
import { barrierNumber, kernelNumbers } from "./kernels.ts";
import type { PlannedInput, PlannedStep, WasmPlan } from "./plan.ts";
import { timesBytes, withStamps } from "./trace.ts";
import { stepBytes } from "./work.ts";

/** Bytes before the first step: step count and the barrier's cells (see assembly/program.ts). */
const HEADER = 256;

/** Bytes before the number of the run on several threads, from 0, which who starts one raises. */
export const runCount = 4;

/** Words of a step before its arguments. */
const stepWords = 4;

/** Runs the step list at an address on all threads. */
export interface Runner {
  readonly threads: number;
  /**
   * @param small the program takes less time than waking a thread
   * @throws BackendError when a kernel traps
   */
  execute(program: number, small?: boolean): Promise<void>;
  dispose(): Promise<void>;
}

/** A step as it ran among all others. */
export interface StepTime {
  /** The ops that the step is for; none for copies into slots. */
  readonly ops: readonly OpNode[];
  readonly kernel: string;
  /** Of all arrays that the step touches, each counted once. */
  readonly bytes: number;
  /** Threads wait for each other where this number grows. */
  readonly segment: number;
  /** When the threads that have a part in it did that, in milliseconds on one clock. */
  readonly spans: readonly { readonly thread: number; readonly begin: number; readonly end: number }[];
}

/** A plan placed in one WebAssembly memory. */
export class WasmProgram implements Program {
  readonly statistics: ProgramStatistics;
  readonly plan: WasmPlan;
  readonly #heap: Heap;
  readonly #execute: Runner["execute"];
  readonly #setUp: number;
  readonly #address: number;
  readonly #bytes: number;
  readonly #base: number;
  #isSetUp = false;
  #disposed = false;

  /** @throws BackendError when the memory cannot hold it */
  constructor(plan: WasmPlan, heap: Heap, execute: Runner["execute"]) {
    this.plan = plan;
    this.#heap = heap;
    this.#execute = execute;
    const setUpBytes = codeBytes(plan.setUp);
    const stepBytes = codeBytes(plan.dealt);
    this.#bytes = setUpBytes + stepBytes + plan.bytes;
    this.#setUp = heap.allocate(this.#bytes);
    this.#address = this.#setUp + setUpBytes;
    this.#base = this.#address + stepBytes;
    this.statistics = {
      steps: plan.steps.reduce((count, { kernel }) => count + (kernel === "barrier" ? 0 : 1), 0),
      arenaBytes: plan.memory.arenaBytes,
      arenaLowerBoundBytes: plan.memory.lowerBoundBytes,
      stateBytes: plan.stateBytes,
    };
    this.#writeSteps(this.#setUp, setUpBytes / 4, plan.setUp);
    this.#writeSteps(this.#address, stepBytes / 4, plan.dealt);
    for (const { buffer, data } of plan.constants)
      if (data instanceof Int32Array) heap.words(this.#at(buffer), data.length).set(data);
      else heap.floats(this.#at(buffer), data.length).set(data);
    for (const input of plan.inputs.values()) this.#cells(input).fill(0);
    for (const { buffer, slot } of plan.slots.values()) {
      const values = slot.initial();
      heap.floats(this.#at(buffer), values.length).set(values);
    }
  }

  /** Runs the program once and gives which thread did what when. */
  async trace(): Promise<StepTime[]> {
    this.#checkAlive();
    await this.#prepare();
    const { dealt, threads, small } = this.plan;
    const bytes = timesBytes(dealt, threads);
    const times = this.#heap.allocate(bytes);
    const { steps, marks } = withStamps(dealt, times, threads);
    const address = this.#heap.allocate(codeBytes(steps));
    try {
      const stamps = new Float64Array(this.#heap.memory.buffer, times, bytes / 8).fill(0);
      const at = (cell: number, thread: number): number => stamps[(cell - times) / 8 + thread]!;
      this.#writeSteps(address, codeBytes(steps) / 4, steps);
      await this.#execute(address, small);
      return marks.map(({ step, segment, begin, end }) => {
        const spans = Array.from({ length: threads }, (_, thread) => {
          const span = { thread, begin: at(begin, thread), end: at(end, thread) };
          return span.begin > 0 && span.end > 0 ? [span] : [];
        }).flat();
        return { ops: step.ops, kernel: step.kernel, bytes: stepBytes(step, this.plan.buffers), segment, spans };
      });
    } finally {
      this.#heap.release(address, codeBytes(steps));
      this.#heap.release(times, bytes);
    }
  }

  get slotNames(): readonly string[] {
    return [...this.plan.slots.keys()];
  }

  async run(inputs: Feeds = {}): Promise<void> {
    this.#checkAlive();
    for (const [name, values] of Object.entries(inputs)) {
      const input = this.plan.inputs.get(name);
      if (input === undefined)
        throw new BackendError(`wasm: the program has no input ${name}; it has ${list(this.plan.inputs.keys())}`);
      checkFeed("wasm", name, input.lookup, values);
      if (values.length !== input.length)
        throw new BackendError(`wasm: input ${name} takes ${input.length} values, got ${values.length}`);
      this.#cells(input).set(values);
    }
    await this.#prepare();
    await this.#execute(this.#address, this.plan.small);
  }

  async #prepare(): Promise<void> {
    if (this.#isSetUp) return;
    if (this.plan.setUp.length > 0) await this.#execute(this.#setUp);
    this.#isSetUp = true;
  }

  async read(output: string): Promise<Float32Array> {
    this.#checkAlive();
    const found = this.plan.outputs.get(output);
    if (found === undefined)
      throw new BackendError(`wasm: the program has no output ${output}; it has ${list(this.plan.outputs.keys())}`);
    return this.#heap.floats(this.#at(found.buffer), found.length).slice();
  }

  async readSlot(name: string): Promise<Float32Array> {
    return this.#slot(name).slice();
  }

  async writeSlot(name: string, values: Float32Array): Promise<void> {
    const cells = this.#slot(name);
    if (values.length !== cells.length)
      throw new BackendError(`wasm: slot ${name} takes ${cells.length} values, got ${values.length}`);
    cells.set(values);
    this.#isSetUp = false;
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#heap.release(this.#setUp, this.#bytes);
  }

  #cells({ buffer, length, lookup }: PlannedInput): Float32Array | Uint8Array {
    const address = this.#at(buffer);
    return lookup ? this.#heap.octets(address, length) : this.#heap.floats(address, length);
  }

  #slot(name: string): Float32Array {
    this.#checkAlive();
    const found = this.plan.slots.get(name);
    if (found === undefined) throw new BackendError(`wasm: the program has no slot ${name}`);
    const length = found.slot.shape.reduce((count, size) => count * size, 1);
    return this.#heap.floats(this.#at(found.buffer), length);
  }

  #checkAlive(): void {
    if (this.#disposed) throw new BackendError("wasm: the program was disposed");
  }

  #at(buffer: number): number {
    return this.#base + this.plan.buffers[buffer]!.address;
  }

  #writeSteps(address: number, length: number, steps: readonly PlannedStep[]): void {
    const words = this.#heap.words(address, length);
    const floats = this.#heap.floats(address, length);
    words.fill(0);
    words[0] = steps.length;
    words[runCount / 4] = -1;
    let at = HEADER / 4;
    for (const { kernel, args, dynamic } of steps) {
      words[at++] = kernel === "barrier" ? barrierNumber : kernelNumbers[kernel];
      words[at++] = args.length;
      words[at++] = dynamic ? 1 : 0;
      words[at++] = 0;
      for (const arg of args) {
        if (typeof arg === "number") words[at] = arg;
        else if (isFloat(arg)) floats[at] = arg.float;
        else words[at] = this.#at(arg.buffer) + arg.offset;
        at++;
      }
    }
  }
}

function codeBytes(steps: readonly PlannedStep[]): number {
  return 64 * Math.ceil((HEADER + 4 * steps.reduce((words, { args }) => words + stepWords + args.length, 0)) / 64);
}

function isFloat(arg: Operand | Float): arg is Float {
  return "float" in arg;
}

function list(names: Iterable<string>): string {
  return [...names].join(", ") || "none";
}
