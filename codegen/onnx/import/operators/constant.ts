import type { Row } from "../row.ts";
import { staticOf } from "../static.ts";

export const constantRow: Row = (call) => {
  const value = call.tensor("value");
  if (value !== undefined) return [value];
  const { attributes } = call.node;
  if (attributes.has("value_float")) return [staticOf("float", [], [call.float("value_float", 0)])];
  if (attributes.has("value_int")) return [staticOf("int", [], [call.int("value_int", 0)])];
  const floats = call.floats("value_floats");
  if (floats !== undefined) return [staticOf("float", [floats.length], floats)];
  const ints = call.ints("value_ints");
  if (ints !== undefined) return [staticOf("int", [ints.length], ints)];
  return call.fail("its value is of a kind that is not read");
};
