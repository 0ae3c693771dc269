import { parseArchitecture } from "../../../engine/architecture.ts";
import type { DataSet, ImageSet } from "../../../engine/data/image-set.ts";
import { randomInteger } from "../../../engine/random.ts";

function brightSquares(count: number, key: number): ImageSet {
  const labels = Uint8Array.from({ length: count }, (_, index) => randomInteger(3, key, index));
  const images = Uint8Array.from({ length: count * 8 * 8 * 2 }, (_, at) => {
    const index = Math.floor(at / 128);
    const row = Math.floor((at % 128) / 16);
    const inside = row >= labels[index]! * 2 && row < labels[index]! * 2 + 3;
    return randomInteger(150, key, 7, at) + (inside ? 90 : 0);
  });
  return { count, height: 8, width: 8, channels: 2, classes: ["top", "middle", "bottom"], images, labels };
}

/** A data set that a network learns in a second: which rows of an 8×8 image are bright. */
export const tinyData: DataSet = {
  name: "tiny",
  classes: ["top", "middle", "bottom"],
  input: [8, 8, 2],
  train: brightSquares(80, 1),
  validation: brightSquares(20, 2),
  test: () => Promise.resolve(brightSquares(20, 3)),
  normalization: { mean: [0.4, 0.4], deviation: [0.25, 0.25] },
  fingerprint: "tiny-1",
};

/** Dropout, batch norm, depthwise convolution and attention in one small network. */
export const tinyArchitecture = parseArchitecture({
  name: "tiny",
  input: [8, 8, 2],
  classes: 3,
  blocks: [
    { type: "convBnRelu", channels: 4, kernel: 3, stride: 2 },
    { type: "invertedBottleneck", channels: 4, kernel: 3, ratio: 2 },
    { type: "vit", heads: 2, headDim: 4 },
    { type: "dropout", rate: 0.1 },
    { type: "linear" },
  ],
});
