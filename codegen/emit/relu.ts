import { activationEmitter } from "./activation.ts";

export const relu = activationEmitter("relu");
