import { lookedUp } from "../../engine/byte-lookup.ts";
import type { Normalization } from "../../engine/data/image-set.ts";
import { normalizationTable } from "../../engine/data/normalization.ts";
import type { Int8Element, QuantizedGraph } from "./graph.ts";
import { roundCells } from "./rows.ts";

/** An image as a network takes it. */
export type ImageCells = Int8Array | Float32Array;

/** [channels,256]: the cell that each byte of each channel becomes, as docs/int8.md lays down. */
export function byteTables({ mean, deviation }: Normalization, input: Int8Element): Int8Array {
  const real = mean.flatMap((center, channel) =>
    Array.from({ length: 256 }, (_, byte) => (byte / 255 - center) / deviation[channel]),
  );
  return roundCells(real, input);
}

/** How the C of a network turns the bytes of an image into its input. @param quantized where that is in integers */
export function inputOfBytes(
  normalization: Normalization,
  quantized: QuantizedGraph | undefined,
): (bytes: Uint8Array) => ImageCells {
  const element = quantized?.values[quantized.input].element;
  const table = element?.type === "int8" ? byteTables(normalization, element) : normalizationTable(normalization);
  return (bytes) => lookedUp(bytes, table);
}

/** How a normalised image becomes the input of a network in integers. */
export function inputOfImage({ values, input }: QuantizedGraph): (image: Float32Array) => ImageCells {
  const { element } = values[input];
  return (image) => (element.type === "int8" ? roundCells(image, element) : image);
}
