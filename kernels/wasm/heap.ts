import { BackendError } from "../../engine/errors.ts";

const PAGE = 65536;
const LIMIT = 65536 * PAGE;
/** Static data of the modules and the control block of the pool lie below. */
const START = PAGE;

interface Region {
  readonly address: number;
  readonly bytes: number;
}

/** Hands out regions of one WebAssembly memory, first fit, and grows it when needed. */
export class Heap {
  readonly memory: WebAssembly.Memory;
  #free: Region[] = [];
  #end = START;

  constructor() {
    this.memory = new WebAssembly.Memory({ initial: 1, maximum: LIMIT / PAGE, shared: true });
  }

  /** Address of `bytes` zeroed or reused bytes, 64-byte aligned. @throws BackendError past 4 GiB */
  allocate(bytes: number): number {
    const size = Math.ceil(bytes / 64) * 64;
    const index = this.#free.findIndex((region) => region.bytes >= size);
    if (index >= 0) {
      const region = this.#free[index]!;
      if (region.bytes === size) this.#free.splice(index, 1);
      else this.#free[index] = { address: region.address + size, bytes: region.bytes - size };
      return region.address;
    }
    const address = this.#end;
    const needed = Math.ceil((address + size) / PAGE) - this.memory.buffer.byteLength / PAGE;
    if (address + size > LIMIT) throw tooLarge(size, address);
    if (needed > 0)
      try {
        this.memory.grow(needed);
      } catch {
        throw tooLarge(size, address);
      }
    this.#end = address + size;
    return address;
  }

  /** Gives a region of `allocate` back. */
  release(address: number, bytes: number): void {
    const size = Math.ceil(bytes / 64) * 64;
    const regions = [...this.#free, { address, bytes: size }].sort((a, b) => a.address - b.address);
    this.#free = [];
    for (const region of regions) {
      const last = this.#free.at(-1);
      if (last !== undefined && last.address + last.bytes === region.address)
        this.#free[this.#free.length - 1] = { address: last.address, bytes: last.bytes + region.bytes };
      else this.#free.push(region);
    }
    const last = this.#free.at(-1);
    if (last !== undefined && last.address + last.bytes === this.#end) {
      this.#end = last.address;
      this.#free.pop();
    }
  }

  /** Bytes reserved so far; they are reused, never returned to the system before the memory itself goes. */
  get bytes(): number {
    return this.memory.buffer.byteLength;
  }

  floats(address: number, length: number): Float32Array {
    return new Float32Array(this.memory.buffer, address, length);
  }

  octets(address: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, address, length);
  }

  words(address: number, length: number): Int32Array {
    return new Int32Array(this.memory.buffer, address, length);
  }
}

function tooLarge(bytes: number, used: number): BackendError {
  const gib = (value: number): string => `${(value / 2 ** 30).toFixed(2)} GiB`;
  return new BackendError(
    `wasm: the program needs ${gib(bytes)} besides ${gib(used)} in use, and a WebAssembly memory ends at 4 GiB: use a smaller batch`,
  );
}
