import { crossEntropy } from "../../engine/ops/cross-entropy.ts";
import { fixed, normal, opCase, random, type OpCase } from "./case.ts";

function cases(labels: readonly number[], classes: number, smoothing: number): OpCase {
  return opCase(
    `crossEntropy labels ${labels.join(",")} smoothing ${smoothing}`,
    [normal(labels.length, classes), fixed(labels)],
    ([logits, labels]) => {
      const { loss, probabilities } = crossEntropy(logits!, labels!, { smoothing });
      return [loss, probabilities];
    },
  );
}

export const crossEntropyCases: readonly OpCase[] = [
  cases([0], 2, 0),
  cases([1, 0, 2], 3, 0),
  cases([9, 4, -1, 0, 3], 10, 0.1),
  cases([-1, -1, 6], 7, 0),
  cases([-1, -1], 5, 0.1),
  ...random(20, 9, (draw) => {
    const classes = draw.integer(2, 20);
    return cases(
      [
        draw.integer(0, classes - 1),
        ...Array.from({ length: draw.integer(0, 12) }, () => draw.integer(-1, classes - 1)),
      ],
      classes,
      draw.of([0, 0.1, 0.3]),
    );
  }),
];
