import type Sharp from "sharp";
import { DataError, ToolError } from "../errors.ts";

/** How an image of other proportions fills a given size: stretched, or scaled to cover it and cropped at the centre. */
export type ImageFit = "fill" | "cover";

/** @throws ToolError when sharp is not installed */
export async function loadSharp(): Promise<typeof Sharp> {
  const { default: sharp } = await import("sharp").catch(() => {
    throw new ToolError("reading image files needs the package sharp: npm install sharp");
  });
  return sharp;
}

/**
 * An image file as bytes [height, width, channels], brought to the given size; any format that sharp reads. Photographs
 * are turned upright, transparency is dropped.
 * @param file its path, or its bytes
 * @throws ToolError when sharp is not installed, DataError when the file cannot be read
 */
export async function readImage(
  path: string,
  [height, width, channels]: readonly [number, number, number],
  { fit = "fill", file = path }: { readonly fit?: ImageFit; readonly file?: string | Uint8Array } = {},
): Promise<Uint8Array> {
  const sharp = await loadSharp();
  try {
    const image = sharp(file).rotate().resize(width, height, { fit }).removeAlpha();
    const { data, info } = await (channels === 1 ? image.greyscale() : image.toColourspace("srgb"))
      .raw()
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== channels)
      throw new DataError(`${path}: has ${info.channels} channels, the model takes ${channels}`);
    return new Uint8Array(data);
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${path}: cannot be read as an image: ${(error as Error).message.trim()}`);
  }
}
