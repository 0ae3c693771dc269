import { poolEmitter } from "./pool.ts";

export const averagePool = poolEmitter("averagePool");
