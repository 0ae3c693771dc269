import { expect, test } from "vitest";
import { precisions } from "../../../codegen/arithmetic.ts";
import { generate } from "../../../codegen/index.ts";
import { buildDatasheet } from "../../../codegen/package/datasheet/build.ts";
import { datasheetMarkdown } from "../../../codegen/package/datasheet/markdown.ts";
import { smallNetwork, terms } from "./package-folder.ts";

test.each(precisions)(
  "the data sheet of a network in %s says what rounding costs, where there is any",
  async (precision) => {
    const network = await smallNetwork("small", 2, precision);
    const by = "test images, engine";
    const evaluation = { accuracy: 0.75, images: 200, confusion: [], by };
    const text = datasheetMarkdown(
      buildDatasheet({
        ...{ network, code: generate(network, { target: "host", precision }), terms, packageName: "finch_small" },
        measurements: { runs: [], sizes: [], checks: [], skipped: [] },
        evaluation:
          precision === "float32"
            ? evaluation
            : { ...evaluation, float: { accuracy: 0.8, drop: 0.05, interval: 0.02, by } },
        ...{ files: [], weights: "random", training: null, date: null },
      }),
    );
    expect(text).toContain("| accuracy | 75.0 % of 200 images | M |");
    expect(text.includes("| accuracy in float32 | 80.0 % | M |")).toBe(precision !== "float32");
    expect(text.includes("| lost to integers | 5.00 points | M |")).toBe(precision !== "float32");
    expect(text.includes("| largest sum |")).toBe(precision === "int8");
  },
);
