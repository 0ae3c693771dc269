export * from "./blocks.ts";
export * from "./initializers.ts";
export * from "./layers.ts";
export { Scope, type Module } from "./scope.ts";
