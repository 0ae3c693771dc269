import type { GpuJs } from "../../kernels/gpu/index.ts";

/** For pages: gives what takes the device of the next back end away, as a crash of its driver does. */
export function rememberDevice(library: GpuJs): () => Promise<void> {
  const contexts: WebGL2RenderingContext[] = [];
  const getContext = HTMLCanvasElement.prototype.getContext;
  HTMLCanvasElement.prototype.getContext = function (this: HTMLCanvasElement, ...args: unknown[]) {
    const context: unknown = getContext.apply(this, args as never);
    if (context instanceof WebGL2RenderingContext) contexts.push(context);
    return context;
  } as typeof getContext;
  return async () => {
    HTMLCanvasElement.prototype.getContext = getContext;
    for (const context of contexts) context.getExtension("WEBGL_lose_context")!.loseContext();
    if (contexts.length > 0) return;
    const { WebGPUContext } = library as unknown as {
      readonly WebGPUContext: { acquire(): Promise<{ readonly device: GPUDevice }> };
    };
    (await WebGPUContext.acquire()).device.destroy();
  };
}
