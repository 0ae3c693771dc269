import { z } from "zod";
import { ConfigError, MismatchError } from "../../engine/errors.ts";
import { randomInteger } from "../../engine/random.ts";
import type { Cells } from "../element.ts";
import { floatTolerance } from "../tolerance.ts";
import { compareOutputs } from "./agreement.ts";
import { sourceOf } from "./driver/glue.ts";
import { compileProgram, runProgram, withTemporaryFolder } from "./program.ts";
import type { VerifiableCode } from "./verify.ts";

export const worstInputSchema = z.object({
  compiler: z.literal("gcc"),
  precision: z.string(),
  /** Images that were run, those of the beginning too. */
  evaluations: z.int(),
  seed: z.int(),
  /** Largest error of the images that the search began with. */
  startMaxAbsError: z.number(),
  /** Of the worst image found. */
  maxAbsError: z.number(),
  /** Largest absolute logit of the reference for it. */
  largestLogit: z.number(),
  /** Its error as a share of what is tolerated; of integers, which must be equal, 0 or 1. */
  ofTolerance: z.number(),
});

/** What a search for the input with the largest error has found. */
export type WorstInput = z.infer<typeof worstInputSchema>;

export interface WorstRequest {
  /** C for this machine. */
  readonly code: VerifiableCode;
  /** Images to begin with, bytes of [height, width, channels]; noise joins them. */
  readonly starts: readonly Uint8Array[];
  /** Bytes as the C takes them. */
  readonly inputOf: (bytes: Uint8Array) => Cells;
  /** What the C ought to give. */
  readonly reference: (inputs: readonly Cells[]) => Promise<readonly Cells[]>;
  /** Images to run in all. */
  readonly evaluations: number;
  readonly seed: number;
}

interface Candidate {
  readonly bytes: Uint8Array;
  readonly maxAbsError: number;
  readonly largestLogit: number;
  readonly score: number;
}

const survivors = 4;
const children = 8;

/**
 * Looks for the image with the largest error of generated C on this machine by evolution: of the images so far the
 * worst are changed, by patches of black, white, noise or another image, by contrast and by shifts, and the worst of
 * old and new ones go on. Errors count as shares of what is tolerated, so that larger logits alone gain nothing. For
 * integers, where all is equal until it is not, the largest logit leads, towards saturated cells and full accumulators.
 * @throws ToolError when a compiler is missing
 */
export async function findWorstInput(request: WorstRequest): Promise<WorstInput> {
  const { code, starts, inputOf, reference, evaluations, seed } = request;
  if (starts.length === 0) throw new ConfigError("verify: a search for the worst input needs an image to begin with");
  return withTemporaryFolder(async (folder) => {
    const program = await compileProgram(sourceOf(code), folder, { target: "host" });
    const integers = code.outputElement !== "float32";
    const evaluate = async (images: readonly Uint8Array[]): Promise<Candidate[]> => {
      const inputs = images.map(inputOf);
      const { outputs } = await runProgram(program, inputs);
      const expected = await reference(inputs);
      return images.map((bytes, index) => {
        const { maxAbsError, largestLogit } = compareOutputs([outputs[index]!], [expected[index]!]);
        const share = maxAbsError / floatTolerance(largestLogit);
        const score = !integers ? share : maxAbsError > 0 ? Infinity : largestLogit;
        return { bytes, maxAbsError, largestLogit, score };
      });
    };
    const noise = [0, 1].map((index) => starts[0]!.map((_, at) => randomInteger(256, seed, index, at)));
    let pool = await evaluate([...starts, ...noise].slice(0, evaluations));
    const startMaxAbsError = Math.max(...pool.map(({ maxAbsError }) => maxAbsError));
    let done = pool.length;
    const worstFirst = (a: Candidate, b: Candidate): number => (a.score === b.score ? 0 : b.score - a.score);
    for (let generation = 0; done < evaluations; generation++) {
      pool = pool.sort(worstFirst).slice(0, survivors);
      if (pool[0]!.score === Infinity) break;
      const images = Array.from({ length: Math.min(children, evaluations - done) }, (_, child) => {
        const key = [seed, 2 + generation, child] as const;
        const parent = pool[randomInteger(pool.length, ...key, 0)]!.bytes;
        const other = starts[randomInteger(starts.length, ...key, 1)]!;
        return changed(parent, other, code.inputShape, (limit, word) => randomInteger(limit, ...key, 2, word));
      });
      pool.push(...(await evaluate(images)));
      done += images.length;
    }
    const [worst] = pool.sort(worstFirst);
    const { maxAbsError, largestLogit, score } = worst!;
    const ofTolerance = integers ? Number(maxAbsError > 0) : score;
    const { precision } = code;
    return {
      ...{ compiler: "gcc", precision, evaluations: done, seed },
      ...{ startMaxAbsError, maxAbsError, largestLogit, ofTolerance },
    };
  });
}

/** Another image by one move. @param draw gives a whole number below a limit, another one for each word */
function changed(
  image: Uint8Array,
  other: Uint8Array,
  shape: readonly number[],
  draw: (limit: number, word: number) => number,
): Uint8Array {
  const [height, width, channels] = shape as readonly [number, number, number];
  const kind = draw(6, 0);
  if (kind === 0) {
    const strength = 1 + draw(4, 1);
    return image.map((byte) => Math.max(0, Math.min(255, 128 + (byte - 128) * strength)));
  }
  if (kind === 1) {
    const shift = (draw(height, 1) * width + draw(width, 2)) * channels;
    return image.map((_, at) => image[(at + shift) % image.length]!);
  }
  const [top, left] = [draw(height, 1), draw(width, 2)];
  const [rows, columns] = [1 + draw(height - top, 3), 1 + draw(width - left, 4)];
  const only = draw(channels + 1, 5);
  return image.map((byte, at) => {
    const [row, column, channel] = [
      Math.floor(at / (width * channels)),
      Math.floor(at / channels) % width,
      at % channels,
    ];
    const inside = row >= top && row < top + rows && column >= left && column < left + columns;
    if (!inside || (only < channels && only !== channel)) return byte;
    return kind === 2 ? 0 : kind === 3 ? 255 : kind === 4 ? other[at]! : draw(256, 6 + at);
  });
}

/** @throws MismatchError when the worst input is not tolerated */
export function checkWorst({ maxAbsError, ofTolerance, evaluations }: WorstInput): void {
  if (ofTolerance >= 1)
    throw new MismatchError(
      `generated C on host disagrees with engine for an input that a search over ${evaluations} found: error ${maxAbsError.toExponential(2)}`,
    );
}
