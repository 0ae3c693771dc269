import { poolEmitter } from "./pool.ts";

export const mixPool = poolEmitter("mixPool");
