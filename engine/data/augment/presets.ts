import { affine } from "./affine.ts";
import type { Augmentation } from "./augmentation.ts";
import { crop } from "./crop.ts";
import { erase } from "./erase.ts";
import { flip } from "./flip.ts";

/** What ResNets are trained with on CIFAR-10: crop with 4 pixels of padding, flip. */
export const standardAugmentation: readonly Augmentation[] = [crop({ padding: 4 }), flip()];

/** For long runs: flip, affine, crop, erasing. */
export const strongAugmentation: readonly Augmentation[] = [flip(), affine(), crop({ padding: 4 }), erase()];

/** Both by name, and none. */
export const augmentations = { none: [], standard: standardAugmentation, strong: strongAugmentation } as const;
