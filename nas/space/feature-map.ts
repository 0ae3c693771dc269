import type { Architecture, Block } from "../../engine/architecture.ts";

/** [height, width] of the last feature map, before global pooling: every block pads to ⌈input / stride⌉. */
export function finalFeatureMap(architecture: Architecture): [number, number] {
  const [height, width] = architecture.input;
  const [rows, columns] = strides(architecture.blocks).reduce(
    ([h, w], stride) => [Math.ceil(h / stride), Math.ceil(w / stride)] as [number, number],
    [height, width],
  );
  return [rows, columns];
}

function strides(blocks: readonly Block[]): number[] {
  return blocks.flatMap((block) => {
    if (block.type === "shortcut") return strides(block.blocks);
    return "stride" in block ? [block.stride] : [];
  });
}
