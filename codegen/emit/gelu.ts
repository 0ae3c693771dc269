import { activationEmitter } from "./activation.ts";

export const gelu = activationEmitter("gelu");
