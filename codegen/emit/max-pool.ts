import { poolEmitter } from "./pool.ts";

export const maxPool = poolEmitter("maxPool");
