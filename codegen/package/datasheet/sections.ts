import { grouped } from "../../draw/svg.ts";
import type { Datasheet, Figure } from "./schema.ts";

/** One line of a data sheet. */
interface Entry {
  readonly name: string;
  readonly value: string;
  /** Absent for words, which are no figures. */
  readonly mark?: "M" | "C" | "E" | "–";
  readonly by?: string;
}

export interface SheetTable {
  readonly caption: string;
  readonly columns: readonly string[];
  /** Columns that hold numbers, from 0. */
  readonly numeric: readonly number[];
  readonly rows: readonly (readonly string[])[];
}

export interface Section {
  readonly id: string;
  readonly title: string;
  /** What a reader takes away. */
  readonly summary?: string;
  readonly entries: readonly Entry[];
  readonly tables: readonly SheetTable[];
  readonly lists: readonly { readonly title: string; readonly items: readonly string[] }[];
  /** A figure that stands behind the entries. */
  readonly figure?: "network" | "arena";
}

/** What there is to say of weights whose training is not recorded. */
const untrained = {
  trained: "not recorded",
  imported: "not recorded: the network was imported with its weights",
  random: "not trained: the weights are random",
} as const;

/** A data sheet as titles, lines and tables, in the order in which it is read. */
export function sections(sheet: Datasheet): Section[] {
  const { identity, memory, time, numerics, build, selftest } = sheet;
  const { training } = identity;
  const io = sheet.interface;
  const processors = time.processors.map(({ target }) => target);
  return [
    {
      id: "identity",
      title: "Identity",
      entries: [
        words("package", `${identity.package} ${identity.packageVersion}`),
        words("network", identity.name),
        words(
          "generator",
          `${identity.generator}, ${identity.precision}, plan ${identity.plan}, tuned for ${identity.target}`,
        ),
        words("hash of the model", identity.modelHash),
        words(
          "trained on",
          training === null
            ? untrained[identity.weights]
            : `${training.data} (${training.fingerprint}), ${training.epochs} epochs, seed ${training.seed ?? "not recorded"}`,
        ),
        words("date", identity.date ?? "left out"),
        words("author, licence", `${identity.author}; ${identity.license}`),
      ],
      tables: [],
      lists: [],
    },
    {
      id: "interface",
      title: "Interface",
      entries: [
        words("input", `${io.input.shape.join(" × ")} ${io.input.type}, ${io.input.layout}`),
        ...worth("a cell q of the input", io.input.quantization),
        words("output", `${io.output.size} ${io.output.type}`),
        ...worth("a number q of the output", io.output.quantization),
        ...(io.preprocessing === null
          ? [words("preprocessing", "the caller's")]
          : [
              words("preprocessing", io.preprocessing.formula),
              words("mean", io.preprocessing.mean.join(", ")),
              words("deviation", io.preprocessing.deviation.join(", ")),
              words("one byte worked out", io.preprocessing.example),
            ]),
        words("labels", io.labels === null ? "none" : io.labels.join(", ")),
        words("ties", io.tieRule),
      ],
      tables: [
        {
          caption: "Return codes",
          columns: ["name", "value", "meaning"],
          numeric: [1],
          rows: io.returnCodes.map(({ name, value, meaning }) => [name, String(value), meaning]),
        },
      ],
      lists: [{ title: "Declarations", items: io.signatures }],
    },
    {
      id: "memory",
      title: "Memory",
      summary: memorySummary(sheet),
      entries: [
        line("weights", memory.weights),
        line("+ code", memory.code),
        line("+ tables and constants", memory.tables),
        line("= flash", memory.flash),
        line("arena", memory.arena),
        line("+ input", memory.input),
        line("+ output", memory.output),
        line("+ data and bss", memory.data),
        line("+ stack, worst case", memory.stackBound),
        line("= RAM", memory.ram),
        line("stack, as measured", memory.stackPainted),
        words(
          "not in the bound",
          memory.stackBound.value === null
            ? "not known"
            : memory.stackOutside.length === 0
              ? "nothing"
              : `frames of the C library: ${memory.stackOutside.join(", ")}`,
        ),
        line("heap", memory.heap),
        line("lower bound of the arena", memory.arenaLowerBound),
        words("layer that sets the peak", memory.peakLayer ?? "none"),
      ],
      tables: [],
      lists: [],
      figure: "arena",
    },
    {
      id: "time",
      title: "Time",
      summary:
        "Executed instructions of one inference, counted by an emulator. They are not cycles: memories, pipelines and caches of a real processor are not in them.",
      entries: [line("multiply-accumulates", time.macs)],
      tables: [
        ...(time.processors.length === 0
          ? []
          : [
              {
                caption: "One inference on each processor (M, by the emulator)",
                columns: [
                  "processor",
                  "instructions",
                  "per MAC",
                  "least … most",
                  "stack, bound / painted",
                  "largest error",
                ],
                numeric: [1, 2],
                rows: time.processors.map((run) => [
                  run.target,
                  number(run.instructions),
                  run.instructionsPerMac.value?.toFixed(2) ?? "–",
                  run.least.value === run.most.value
                    ? "the same for all inputs tried"
                    : `${number(run.least)} … ${number(run.most)}`,
                  `${number(run.stackBound)} / ${number(run.stackPainted)}`,
                  run.largestError.value?.toExponential(1) ?? "–",
                ]),
              },
              {
                caption: "How they were compiled and run",
                columns: ["processor", "compiler", "flags", "emulator"],
                numeric: [],
                rows: time.processors.map((run) => [run.target, run.compiler, run.flags.join(" "), run.emulator]),
              },
            ]),
        {
          caption: "Layers (MACs, parameters and live bytes C, instructions M)",
          columns: ["no.", "layer", "operation", "output", "MACs", "parameters", "live bytes", ...processors],
          numeric: [0, 4, 5, 6, ...processors.map((_, index) => 7 + index)],
          rows: time.layers.map((layer, index) => [
            String(index),
            layer.name,
            layer.operation,
            layer.output.join("×"),
            grouped(layer.macs),
            grouped(layer.parameters),
            grouped(layer.liveBytes),
            ...processors.map((target) => grouped(layer.instructions[target] ?? 0)),
          ]),
        },
      ],
      lists: [],
      figure: "network",
    },
    {
      id: "numerics",
      title: "Numerics",
      entries: [
        words("arithmetic", numerics.arithmetic),
        words("agreement", numerics.tolerance),
        line(
          "accuracy",
          numerics.accuracy,
          (value) => `${(100 * value).toFixed(1)} % of ${grouped(numerics.images ?? 0)} images`,
        ),
        words("int8", numerics.int8),
        ...(identity.precision === "float32"
          ? []
          : [
              line("accuracy in float32", numerics.floatAccuracy, (value) => `${(100 * value).toFixed(1)} %`),
              line("lost to integers", numerics.accuracyDrop, (value) => `${(100 * value).toFixed(2)} points`),
            ]),
        ...(identity.precision === "int8" ? [line("largest sum", numerics.largestSum)] : []),
      ],
      tables:
        numerics.confusion === null
          ? []
          : [
              {
                caption: "Confusion: rows are the labels, columns the answers (M)",
                columns: ["", ...numerics.confusion.map((_, index) => io.labels?.[index] ?? String(index))],
                numeric: numerics.confusion.map((_, index) => index + 1),
                rows: numerics.confusion.map((row, label) => [
                  io.labels?.[label] ?? String(label),
                  ...row.map(grouped),
                ]),
              },
            ],
      lists: [],
    },
    {
      id: "portability",
      title: "Portability, alignment, concurrency",
      entries: sheet.portability.map(({ property, value, by }) => ({ name: property, value, by })),
      tables: [],
      lists: [],
    },
    {
      id: "build",
      title: "Build",
      entries: [],
      tables: [
        {
          caption: "Warnings under the strictest flags (M)",
          columns: ["target", "compiler", "flags", "warnings"],
          numeric: [3],
          rows: build.checks.map(({ target, compiler, flags, warnings }) => [
            target,
            compiler,
            flags.join(" "),
            String(warnings),
          ]),
        },
        {
          caption: "Bytes of the network's object, without self-test and C library (M, size -A)",
          columns: ["target", "level", ".text", ".rodata", ".data", ".bss", "compiler"],
          numeric: [2, 3, 4, 5],
          rows: build.sizes.map(({ target, level, text, rodata, data, bss, compiler }) => [
            target,
            level,
            grouped(text),
            grouped(rodata),
            grouped(data),
            grouped(bss),
            compiler,
          ]),
        },
      ],
      lists: [],
    },
    {
      id: "selftest",
      title: "Self-test",
      entries: [
        words(
          "known answers",
          `${selftest.vectors}, of ${identity.precision === "int8" ? "the interpreter of integers" : "the engine with nothing folded"}; inputs are drawn from their seeds`,
        ),
        words(
          "tolerances",
          selftest.tolerance.every((value) => value === 0)
            ? "none: equal to the bit"
            : selftest.tolerance.map((value) => value.toExponential(1)).join(", "),
        ),
      ],
      tables: [],
      lists: [],
    },
    {
      id: "limits",
      title: "What the figures leave out, and limits of use",
      entries: [],
      tables: [
        ...(sheet.skipped.length === 0
          ? []
          : [
              {
                caption: "Not measured",
                columns: ["what", "why"],
                numeric: [],
                rows: sheet.skipped.map(({ what, why }) => [what, why]),
              },
            ]),
      ],
      lists: [
        { title: "Not in the figures", items: sheet.excluded },
        { title: "Limits of use", items: sheet.limits },
      ],
    },
    {
      id: "files",
      title: "Files",
      entries: [],
      tables: [
        {
          caption: "Files of the package and their SHA-256",
          columns: ["file", "bytes", "SHA-256"],
          numeric: [1],
          rows: identity.files.map(({ path, bytes, sha256 }) => [path, grouped(bytes), sha256]),
        },
      ],
      lists: [],
    },
  ];
}

function memorySummary({ memory }: Datasheet): string {
  const parts = [
    ...(memory.flash.value === null ? [] : [`${grouped(memory.flash.value)} bytes of flash`]),
    ...(memory.ram.value === null ? [] : [`${grouped(memory.ram.value)} bytes of RAM`]),
    "no heap",
  ];
  return `${parts.join(", ")}.`;
}

const words = (name: string, value: string): Entry => ({ name, value });

/** What an integer at a border stands for; nothing for floats. */
function worth(name: string, quantization: Datasheet["interface"]["input"]["quantization"]): Entry[] {
  if (quantization === null) return [];
  const { scale, zero } = quantization;
  return [words(name, `${scale} × ${zero === 0 ? "q" : `(q − ${zero})`.replace("− -", "+ ")}`)];
}

function line(name: string, figure: Figure, format: (value: number) => string = grouped): Entry {
  if (figure.value === null) return { name, value: "not known", mark: "–", by: figure.reason };
  const unit = format === grouped && figure.unit === "bytes" ? " bytes" : "";
  return { name, value: format(figure.value) + unit, mark: figure.mark, by: figure.by };
}

const number = (figure: Figure): string => (figure.value === null ? "–" : grouped(figure.value));
