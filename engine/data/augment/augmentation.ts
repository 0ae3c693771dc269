/** Height, width and channels of the images that an augmentation works on. */
export interface ImageSize {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/**
 * Changes one image [height, width, channels] of bytes and returns the array that holds the result: `image` itself or
 * `spare`, whose content does not matter. All randomness comes from `key`.
 */
export type AugmentImage = (image: Uint8Array, spare: Uint8Array, key: number) => Uint8Array;

/** A random change of images. Name and settings go into checkpoints: a resumed training must have the same. */
export interface Augmentation {
  readonly name: string;
  readonly settings: Readonly<Record<string, unknown>>;
  /**
   * Made once per size. `fill` is the colour (one byte a channel) of what comes into view from outside: the mean of
   * the data, which is zero after normalisation.
   */
  readonly prepare: (size: ImageSize, fill: Uint8Array) => AugmentImage;
}

/** Fills all pixels of an image. */
export function fillImage(image: Uint8Array, fill: Uint8Array): void {
  const channels = fill.length;
  for (let at = 0; at < image.length; at += channels)
    for (let channel = 0; channel < channels; channel++) image[at + channel] = fill[channel]!;
}
