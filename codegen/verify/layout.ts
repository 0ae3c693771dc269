/** [height, width, channels] values to [channels, height, width], the order of ONNX. */
export function toChannelsFirst(
  image: Float32Array,
  [height, width, channels]: readonly [number, number, number],
): Float32Array {
  const pixels = height * width;
  const result = new Float32Array(image.length);
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let channel = 0; channel < channels; channel++) {
      result[channel * pixels + pixel] = image[pixel * channels + channel] ?? 0;
    }
  }
  return result;
}
