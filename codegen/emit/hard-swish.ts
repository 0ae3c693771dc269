import { activationEmitter } from "./activation.ts";

export const hardSwish = activationEmitter("hardSwish");
