import { createGpuBackend, type GpuJs, type GpuMode, type GpuProgram } from "../../../kernels/gpu/index.ts";
import { compileStep, feedsOf } from "./small-hybrid.ts";

// Runs in a page: what it exports can be called from memory.test.ts.

const library = (globalThis as unknown as { GPU: GpuJs }).GPU;

/** Bytes of all buffers, or textures, of a page. */
const sizes = new Map<object, number>();

const createBuffer = GPUDevice.prototype.createBuffer;
GPUDevice.prototype.createBuffer = function (descriptor) {
  const buffer = createBuffer.call(this, descriptor);
  sizes.set(buffer, descriptor.size);
  const destroy = buffer.destroy.bind(buffer);
  buffer.destroy = () => {
    sizes.delete(buffer);
    return destroy();
  };
  return buffer;
};

const { texStorage2D, texImage2D, deleteTexture } = WebGL2RenderingContext.prototype;

function noteTexture(gl: WebGL2RenderingContext, bytes: number): void {
  sizes.set(gl.getParameter(gl.TEXTURE_BINDING_2D) as object, bytes);
}

/** Results have one float a texel, what comes from the host four. */
WebGL2RenderingContext.prototype.texStorage2D = function (target, levels, format, width, height) {
  if (format !== this.R32F) throw new Error(`a texture of format ${format}`);
  noteTexture(this, 4 * width * height);
  return texStorage2D.call(this, target, levels, format, width, height);
};
WebGL2RenderingContext.prototype.texImage2D = function (this: WebGL2RenderingContext, ...words: unknown[]) {
  const [, , , width, height] = words as number[];
  noteTexture(this, 16 * width! * height!);
  return (texImage2D as (...words: unknown[]) => void).apply(this, words);
};
WebGL2RenderingContext.prototype.deleteTexture = function (texture) {
  if (texture) sizes.delete(texture);
  return deleteTexture.call(this, texture);
};

/** What steps of a training have on the device, by what the page made and by what the program says. */
export async function stepBytes(mode: GpuMode): Promise<{
  readonly allocated: number;
  readonly said: number;
  readonly planned: number;
  readonly after: number;
}> {
  const backend = await createGpuBackend(library, { mode });
  const total = (): number => [...sizes.values()].reduce((sum, size) => sum + size, 0);
  const before = total();
  const program = (await compileStep(backend, "tiny")) as GpuProgram;
  for (let step = 0; step < 3; step++) {
    await program.run(feedsOf("tiny", step));
    await program.read("loss");
  }
  const allocated = total() - before;
  const said = program.counts.liveBytes;
  await program.dispose();
  const after = total() - before;
  await backend.dispose();
  return { allocated, said, planned: program.statistics.arenaBytes, after };
}
