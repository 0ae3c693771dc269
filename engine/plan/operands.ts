import { ShapeError } from "../errors.ts";
import { commutative } from "../ops/binary.ts";
import type { Attributes } from "../ops/vocabulary.ts";
import type { Layer, ValueId } from "./inference.ts";

/** The values that a layer reads: its inputs and the summands of its epilogue. */
export function operandsOf({ inputs, epilogue }: Layer): ValueId[] {
  return [...inputs, ...epilogue.flatMap((step) => (step.kind === "add" ? [step.value] : []))];
}

/**
 * Weights of a layer follow its inputs, whatever the order of the op's operands was.
 * @param isConstant which of these are to be weights
 * @throws ShapeError when the op would compute something else then
 */
export function expectConstantsLast(
  { op, name, attributes }: Pick<Layer, "op" | "name" | "attributes">,
  isConstant: readonly boolean[],
): void {
  const first = isConstant.indexOf(true);
  if (first < 0 || isConstant.lastIndexOf(false) < first) return;
  const takesAnyOrder =
    op === "add" ||
    op === "multiply" ||
    (op === "binary" && commutative.has((attributes as Attributes<"binary">).kind));
  if (!takesAnyOrder)
    throw new ShapeError(`lower: ${op} ${name}: trained constants must come after all other operands`);
}
