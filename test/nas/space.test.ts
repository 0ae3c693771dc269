import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Model } from "../../engine/model.ts";
import { lowerModel } from "../../engine/plan/lower.ts";
import { networkMacs } from "../../engine/plan/macs.ts";
import { elementCount } from "../../engine/shape.ts";
import { Draw } from "../../nas/draw.ts";
import { finalFeatureMap } from "../../nas/space/feature-map.ts";
import { boolean, choice, group, integer, oneOf, optional, repeat } from "../../nas/space/parameter.ts";
import { hybridSpace, presets } from "../../nas/space/presets.ts";
import { assertSpace, defineSpace } from "../../nas/space/space.ts";

const cifar = { input: [32, 32, 3], classes: 10 } as const;
const presetNames = Object.keys(presets);
const anySpace = fc.constantFrom(...presetNames).map((name) => presets[name]!);
const seed = fc.integer({ min: 0, max: 2 ** 31 - 1 });

describe("space language", () => {
  const toy = group({
    width: integer(8, 16, { step: 4 }),
    pattern: oneOf({ plain: {}, wide: { ratio: integer(1, 4) }, narrow: { ratio: integer(2, 8) } }),
    attention: optional(group({ heads: choice(2, 4) })),
    tail: repeat({ minimum: 0, maximum: 2 }, (index) =>
      group({ stride: choice<number>(...(index === 0 ? [1, 2] : [1])) }),
    ),
    bias: boolean(),
  });

  test("only what is active is a parameter", () => {
    const plain = { width: 8, pattern: { kind: "plain" }, attention: null, tail: [], bias: true } as const;
    expect(toy.active(plain, "")).toEqual(["width", "pattern.kind", "attention?", "tail.length", "bias"]);
    const rich = {
      width: 8,
      pattern: { kind: "wide", ratio: 2 },
      attention: { heads: 4 },
      tail: [{ stride: 2 }, { stride: 1 }],
      bias: true,
    } as const;
    expect(toy.active(rich, "")).toEqual([
      "width",
      "pattern.kind",
      "pattern.ratio",
      "attention?",
      "attention.heads",
      "tail.length",
      "tail.0.stride",
      "bias",
    ]);
  });

  test("magnitude is the logarithm of the number of values", () => {
    expect(10 ** toy.magnitude).toBeCloseTo(3 * (1 + 4 + 7) * 3 * (1 + 2 + 2) * 2, 6);
  });

  test("a change of kind keeps what both kinds allow", () => {
    const pattern = oneOf({ wide: { ratio: choice(1, 2) }, narrow: { ratio: choice(2, 3) } });
    const chosen = new Set(["kind"]);
    expect(pattern.mutate({ kind: "wide", ratio: 2 }, "", chosen, new Draw(1))).toEqual({ kind: "narrow", ratio: 2 });
    const redrawn = pattern.mutate({ kind: "wide", ratio: 1 }, "", chosen, new Draw(1));
    expect(redrawn.kind).toBe("narrow");
    expect([2, 3]).toContain(redrawn.ratio);
  });

  test("parse orders the fields and names what is wrong", () => {
    const value = { bias: false, tail: [], attention: null, pattern: { ratio: 3, kind: "wide" }, width: 12 };
    expect(JSON.stringify(toy.parse(value, ""))).toBe(
      '{"width":12,"pattern":{"kind":"wide","ratio":3},"attention":null,"tail":[],"bias":false}',
    );
    expect(() => toy.parse({ ...value, width: 9 }, "")).toThrow("width: expected one of 8, 12, 16, got 9");
    expect(() => toy.parse({ ...value, depth: 1 }, "")).toThrow("depth: not a parameter of this space");
    expect(() => toy.parse({ ...value, pattern: { kind: "plain", ratio: 1 } }, "")).toThrow(
      "pattern.ratio: not a parameter of this space",
    );
    expect(() => toy.parse({ ...value, tail: [{ stride: 1 }, { stride: 2 }] }, "")).toThrow(
      "tail.1.stride: expected one of 1, got 2",
    );
    expect(() => toy.parse([], "")).toThrow("genotype: expected an object, got []");
  });

  test("settings that make no sense are refused", () => {
    expect(() => choice(1, 1)).toThrow("choice: values must be different");
    expect(() => integer(4, 2)).toThrow("integer: expected whole minimum ≤ maximum");
    expect(() => oneOf({ a: { kind: choice(1) } })).toThrow("oneOf: no parameter may be named kind");
    expect(() => hybridSpace({ patterns: [] })).toThrow("space hybrid: patterns must be different ones of");
    expect(() => assertSpace({ name: "x" }, "space.ts")).toThrow("space.ts: the default export must be a search space");
  });
});

describe("genotypes of the presets", () => {
  test("a sample survives JSON and parse, with the same identity", () => {
    fc.assert(
      fc.property(anySpace, seed, (space, key) => {
        const genotype = space.sample(new Draw(key));
        expect(space.parse(JSON.parse(JSON.stringify(genotype)))).toEqual(genotype);
        expect(space.sample(new Draw(key))).toEqual(genotype);
        expect(new Set(space.active(genotype)).size).toBe(space.active(genotype).length);
      }),
    );
  });

  test("a mutation is another genotype of the space and changes no more than its share", () => {
    fc.assert(
      fc.property(anySpace, seed, (space, key) => {
        const parent = space.sample(new Draw(key));
        const child = space.mutate(parent, 0.1, new Draw(key, 1));
        expect(child).not.toEqual(parent);
        expect(space.parse(child)).toEqual(child);
        const kept = new Set(space.active(child));
        const before = leaves(parent);
        const after = leaves(child);
        const changed = space.active(parent).filter((path) => kept.has(path) && before.get(path) !== after.get(path));
        expect(changed.length).toBeLessThanOrEqual(Math.max(1, Math.round(0.1 * space.active(parent).length)));
      }),
    );
  });

  test("a decoded network has the task's shape and a feature map of at least 2×2", () => {
    fc.assert(
      fc.property(anySpace, seed, (space, key) => {
        const genotype = space.sample(new Draw(key));
        const individual = (() => {
          try {
            return space.decode(genotype, cifar);
          } catch (error) {
            expect(String(error)).toContain("the last feature map must be at least 2×2, got 1×1");
            return undefined;
          }
        })();
        if (individual === undefined) return;
        expect(individual.architecture.affine).toBe(false);
        expect(individual.architecture.input).toEqual([32, 32, 3]);
        expect(Math.min(...finalFeatureMap(individual.architecture))).toBeGreaterThanOrEqual(2);
      }),
    );
  });

  test("fingerprints tell spaces apart", () => {
    const prints = presetNames.map((name) => presets[name]!.fingerprint(cifar));
    expect(new Set(prints).size).toBe(presetNames.length);
    const affine = hybridSpace({ affine: true });
    expect(affine.fingerprint(cifar)).not.toBe(presets.hybrid!.fingerprint(cifar));
    expect(hybridSpace().fingerprint(cifar)).toBe(presets.hybrid!.fingerprint(cifar));
  });

  test("the paper's spaces stay what they were, for runs to go on with", () => {
    const prints = ["resnet", "cnn-vit", "cnn-vit-pool", "hybrid"].map((name) => presets[name]!.fingerprint(cifar));
    expect(prints.map((print) => print.slice(0, 8))).toEqual(["0aa3935f", "dbc38fcd", "0289593f", "9b3ebb8c"]);
  });

  test("hybrid-extended also chooses attention for each pattern and an activation for the network", () => {
    const found = new Set<string>();
    for (let index = 0; index < 60; index++) {
      const space = presets["hybrid-extended"]!;
      // Large enough for every stride.
      const large = { ...cifar, input: [256, 256, 3] as const };
      const blocks = JSON.stringify(space.decode(space.sample(new Draw(index)), large).architecture.blocks);
      const activations = new Set(blocks.match(/"activation":"\w+"/g) ?? ['"activation":"relu"']);
      expect(activations.size).toBe(1);
      for (const word of activations) found.add(word);
      for (const word of blocks.match(/"attention":"\w+"/g) ?? ['"attention":"softmax"']) found.add(word);
    }
    expect([...found].sort()).toEqual([
      ...['"activation":"gelu"', '"activation":"hardSwish"', '"activation":"relu"'],
      ...['"attention":"linear"', '"attention":"softmax"'],
    ]);
    expect(() => hybridSpace({ activations: [] })).toThrow("space hybrid: activations must be one or more, got none");
  });

  test("a space of one's own", () => {
    const space = defineSpace({
      name: "plain",
      parameters: group({ stem: choice(8, 16), body: repeat({ minimum: 1, maximum: 2 }, choice(16, 32)) }),
      build: ({ stem, body }) => ({
        blocks: [
          { type: "convBnRelu", channels: stem, kernel: 3 },
          ...body.map((channels) => ({ type: "residual", kernel: 3, channels }) as const),
          { type: "globalAveragePool" },
          { type: "linear" },
        ],
      }),
    });
    assertSpace(space, "here");
    const { architecture } = space.decode({ stem: 8, body: [32] }, { input: [28, 28, 1], classes: 4 });
    expect(architecture.blocks.map((block) => block.type)).toEqual([
      "convBnRelu",
      "residual",
      "globalAveragePool",
      "linear",
    ]);
    expect(architecture.classes).toBe(4);
  });
});

test("the hybrid space has the statistics known of it", () => {
  // Known from 40,000 draws: 75 % valid, 16 % of these within 100,000 weights, whose MACs have the quantiles below.
  // With 2,000 draws about 280 remain: three standard errors are 3 points, 3 points, and 4 to 9 points for the share below a quantile.
  const draws = 2000;
  const macs: number[] = [];
  let valid = 0;
  for (let index = 0; index < draws; index++) {
    const genotype = presets.hybrid!.sample(new Draw(2024, index));
    let architecture;
    try {
      ({ architecture } = presets.hybrid!.decode(genotype, cifar));
    } catch {
      continue;
    }
    valid++;
    const graph = lowerModel(Model.fromArchitecture(architecture));
    const matrices = graph.layers.flatMap((layer) => layer.weights.map(({ shape }) => elementCount(shape)));
    if (matrices.reduce((sum, count) => sum + count, 0) <= 100_000) macs.push(networkMacs(graph) / 1e6);
  }
  expect(valid / draws).toBeGreaterThan(0.72);
  expect(valid / draws).toBeLessThan(0.78);
  expect(macs.length / valid).toBeGreaterThan(0.125);
  expect(macs.length / valid).toBeLessThan(0.195);
  for (const [share, quantile] of [
    [0.05, 0.69],
    [0.25, 1.8],
    [0.5, 6.2],
    [0.75, 31],
    [0.95, 83],
  ] as const) {
    const below = macs.filter((value) => value <= quantile).length / macs.length;
    expect(Math.abs(below - share)).toBeLessThan(3 * Math.sqrt((share * (1 - share)) / macs.length));
  }
});

/** Values by the paths that `active` uses. */
function leaves(value: unknown, path = ""): Map<string, unknown> {
  if (Array.isArray(value)) {
    const items = value.flatMap((member, index) => [...leaves(member, path ? `${path}.${index}` : String(index))]);
    return new Map([[`${path}.length`, value.length], ...items]);
  }
  if (typeof value === "object" && value !== null)
    return new Map(Object.entries(value).flatMap(([key, field]) => [...leaves(field, path ? `${path}.${key}` : key)]));
  return new Map([[path, value]]);
}
