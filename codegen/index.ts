export { arenaBytes, generate } from "./generate.ts";
export type { CodegenNetwork, CodegenOptions, GeneratedCode, GeneratedFile } from "./generate.ts";
export type { ArenaBuffer } from "./storage.ts";
export { selftestInput, selftestPicture, type SelftestVector } from "./selftest.ts";
export { identifierOf } from "./identifier.ts";
export { targets } from "./target.ts";
export type { Target, TargetName } from "./target.ts";
export { exportOnnx, type OnnxMetadata, type OnnxOptions } from "./onnx/export.ts";
export type * from "./quantize/graph.ts";
