import { DataError, ToolError } from "../errors.ts";

/**
 * An image file as bytes [height, width, channels], stretched to the given size; any format that sharp reads.
 * @throws ToolError when sharp is not installed, DataError when the file cannot be read
 */
export async function readImage(
  path: string,
  [height, width, channels]: readonly [number, number, number],
): Promise<Uint8Array> {
  const { default: sharp } = await import("sharp").catch(() => {
    throw new ToolError("reading image files needs the package sharp: npm install sharp");
  });
  try {
    const image = sharp(path).resize(width, height, { fit: "fill" }).removeAlpha();
    const { data, info } = await (channels === 1 ? image.greyscale() : image.toColourspace("srgb"))
      .raw()
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== channels)
      throw new DataError(`${path}: has ${info.channels} channels, the model takes ${channels}`);
    return new Uint8Array(data);
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${path}: cannot be read as an image: ${(error as Error).message}`);
  }
}
