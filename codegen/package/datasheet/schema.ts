import { z } from "zod";

const wholeNumber = z.int().min(0);

/** A number with how it came about, or why there is none. */
const figureSchema = z.union([
  z.object({
    value: z.number(),
    unit: z.string(),
    /** Measured, computed or estimated. */
    mark: z.enum(["M", "C", "E"]),
    /** The tool or rule that gave it. */
    by: z.string(),
  }),
  z.object({ value: z.null(), reason: z.string() }),
]);

export type Figure = z.output<typeof figureSchema>;

/** What an integer at a border of the network stands for: scale * (q - zero); null for floats. */
const quantizationSchema = z.object({ scale: z.number(), zero: z.int() }).nullable();

/** `extras/datasheet.json` of a package. */
export const datasheetSchema = z.object({
  schema: z.literal(1),
  identity: z.object({
    name: z.string(),
    prefix: z.string(),
    package: z.string(),
    packageVersion: z.string(),
    author: z.string(),
    license: z.string(),
    generator: z.string(),
    target: z.string(),
    precision: z.string(),
    plan: z.string(),
    modelHash: z.string(),
    /** ISO 8601, the day; null when it is left out so that the same model gives the same bytes. */
    date: z.string().nullable(),
    /** Imported ones were trained by another program. */
    weights: z.enum(["trained", "imported", "random"]),
    training: z
      .object({ data: z.string(), fingerprint: z.string(), epochs: wholeNumber, seed: z.number().nullable() })
      .nullable(),
    /** Every file of the package but the data sheets. */
    files: z.array(z.object({ path: z.string(), bytes: wholeNumber, sha256: z.string() })),
  }),
  interface: z.object({
    signatures: z.array(z.string()),
    input: z.object({
      shape: z.array(wholeNumber),
      layout: z.string(),
      type: z.string(),
      quantization: quantizationSchema,
    }),
    output: z.object({ size: wholeNumber, type: z.string(), quantization: quantizationSchema }),
    preprocessing: z
      .object({ formula: z.string(), mean: z.array(z.number()), deviation: z.array(z.number()), example: z.string() })
      .nullable(),
    labels: z.array(z.string()).nullable(),
    tieRule: z.string(),
    returnCodes: z.array(z.object({ name: z.string(), value: z.int(), meaning: z.string() })),
  }),
  memory: z.object({
    weights: figureSchema,
    code: figureSchema,
    tables: figureSchema,
    flash: figureSchema,
    arena: figureSchema,
    arenaLowerBound: figureSchema,
    input: figureSchema,
    output: figureSchema,
    data: figureSchema,
    stackBound: figureSchema,
    stackPainted: figureSchema,
    /** Functions of the C library that the bound of the stack leaves out. */
    stackOutside: z.array(z.string()),
    ram: figureSchema,
    heap: figureSchema,
    alignment: wholeNumber,
    peakLayer: z.string().nullable(),
    buffers: z.array(
      z.object({
        name: z.string(),
        offset: wholeNumber,
        bytes: wholeNumber,
        first: wholeNumber,
        last: wholeNumber,
      }),
    ),
  }),
  time: z.object({
    macs: figureSchema,
    processors: z.array(
      z.object({
        target: z.string(),
        flags: z.array(z.string()),
        compiler: z.string(),
        emulator: z.string(),
        instructions: figureSchema,
        instructionsPerMac: figureSchema,
        /** Least and most over the inputs of the self-test. */
        least: figureSchema,
        most: figureSchema,
        largestError: figureSchema,
        stackBound: figureSchema,
        stackPainted: figureSchema,
      }),
    ),
    layers: z.array(
      z.object({
        name: z.string(),
        operation: z.string(),
        output: z.array(wholeNumber),
        macs: wholeNumber,
        parameters: wholeNumber,
        liveBytes: wholeNumber,
        /** By processor. */
        instructions: z.record(z.string(), z.number()),
      }),
    ),
  }),
  numerics: z.object({
    arithmetic: z.string(),
    tolerance: z.string(),
    /** Of what the C computes. */
    accuracy: figureSchema,
    /** Of the same network in float32, on the same images. */
    floatAccuracy: figureSchema,
    /** What integers cost of it, a fraction of the images. */
    accuracyDrop: figureSchema,
    images: wholeNumber.nullable(),
    /** confusion[label][prediction] */
    confusion: z.array(z.array(wholeNumber)).nullable(),
    int8: z.string(),
    /** The largest magnitude that a sum of 32 bits can take, whatever the input. */
    largestSum: figureSchema,
  }),
  portability: z.array(z.object({ property: z.string(), value: z.string(), by: z.string() })),
  build: z.object({
    checks: z.array(
      z.object({ target: z.string(), compiler: z.string(), flags: z.array(z.string()), warnings: wholeNumber }),
    ),
    sizes: z.array(
      z.object({
        target: z.string(),
        compiler: z.string(),
        level: z.string(),
        text: wholeNumber,
        rodata: wholeNumber,
        data: wholeNumber,
        bss: wholeNumber,
      }),
    ),
  }),
  selftest: z.object({ vectors: wholeNumber, tolerance: z.array(z.number()) }),
  excluded: z.array(z.string()),
  limits: z.array(z.string()),
  /** What could not be measured, and why. */
  skipped: z.array(z.object({ what: z.string(), why: z.string() })),
});

export type Datasheet = z.output<typeof datasheetSchema>;
