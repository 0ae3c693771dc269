/** [...pixels, channels] values to [channels, ...pixels], the order of ONNX. */
export function toChannelsFirst(image: Float32Array, shape: readonly number[]): Float32Array {
  const channels = shape.at(-1) ?? 1;
  const pixels = image.length / channels;
  const result = new Float32Array(image.length);
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let channel = 0; channel < channels; channel++) {
      result[channel * pixels + pixel] = image[pixel * channels + channel] ?? 0;
    }
  }
  return result;
}
