import { activationEmitter } from "./activation.ts";

export const sigmoid = activationEmitter("sigmoid");
