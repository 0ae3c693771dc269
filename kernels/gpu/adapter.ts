import type { GpuMode } from "./gpu-js.ts";

/** What computes. */
export interface GpuAdapter {
  /** As its driver calls it. */
  readonly name: string;
  /** Whether it is a program on the processor that stands in for a GPU. */
  readonly software: boolean;
}

const softwareNames = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|\bwarp\b|software/i;

/** Names the adapter that a mode runs on; asks for one where that is the way to learn it. */
export async function describeAdapter(mode: GpuMode): Promise<GpuAdapter> {
  switch (mode) {
    case "webgpu":
      return webGpuAdapter();
    case "webgl2":
    case "webgl":
      return webGlAdapter(mode);
    case "webasm":
    case "cpu":
      return { name: "this processor", software: true };
  }
}

async function webGpuAdapter(): Promise<GpuAdapter> {
  const info = (await navigator.gpu.requestAdapter())?.info;
  if (info === undefined) return unnamed;
  const { vendor, architecture, device, description } = info;
  const name = description || device || [vendor, architecture].filter((word) => word !== "").join(" ");
  const software = info.isFallbackAdapter || softwareNames.test([vendor, architecture, device, description].join(" "));
  return { name: name || unnamed.name, software };
}

function webGlAdapter(mode: "webgl2" | "webgl"): GpuAdapter {
  if (typeof OffscreenCanvas === "undefined") return unnamed;
  const context = new OffscreenCanvas(1, 1).getContext(mode) as WebGLRenderingContext | null;
  if (context === null) return unnamed;
  const names = context.getExtension("WEBGL_debug_renderer_info");
  const name = String(context.getParameter(names?.UNMASKED_RENDERER_WEBGL ?? context.RENDERER));
  // A page has few contexts, and this one is done.
  context.getExtension("WEBGL_lose_context")?.loseContext();
  return { name, software: softwareNames.test(name) };
}

const unnamed: GpuAdapter = { name: "an unnamed adapter", software: false };
