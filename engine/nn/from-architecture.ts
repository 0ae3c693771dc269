import type { Architecture, Block } from "../architecture.ts";
import {
  basicBlock,
  bottleneck,
  convBnRelu,
  convPattern,
  invertedBottleneck,
  residual,
  shortcut,
  vit,
  type BlockStyle,
} from "./blocks.ts";
import { dropout, globalAveragePool, linear, pool, sequential } from "./layers.ts";
import type { Module } from "./scope.ts";

function blockModule(block: Block, classes: number, style: BlockStyle): Module {
  switch (block.type) {
    case "convBnRelu":
      return convBnRelu(block.channels, { ...block, ...style });
    case "conv":
      return convPattern(block.channels, { ...block, ...style });
    case "residual":
      return residual(block.channels, { ...block, ...style });
    case "bottleneck":
      return bottleneck(block.channels, { ...block, ...style });
    case "invertedBottleneck":
      return invertedBottleneck(block.channels, { ...block, ...style });
    case "basicBlock":
      return basicBlock(block.channels, { ...block, ...style });
    case "pool":
      return pool(block.kind, block);
    case "vit":
      return vit({ ...block, ...style });
    case "dropout":
      return dropout(block.rate);
    case "globalAveragePool":
      return globalAveragePool();
    case "linear":
      return linear(block.features ?? classes);
    case "shortcut":
      return shortcut(blocksModule(block.blocks, classes, style), { ...style, activation: block.activation });
  }
}

function blocksModule(blocks: readonly Block[], classes: number, style: BlockStyle): Module {
  return sequential(...blocks.map((block) => blockModule(block, classes, style)));
}

/** The network that an architecture describes; its state is named `0.conv.weight` and so on, by block number. */
export function architectureModule(architecture: Architecture): Module {
  return blocksModule(architecture.blocks, architecture.classes, { affine: architecture.affine });
}
