import { reshape, transpose } from "../../../engine/ops/layout.ts";
import { elementCount, sameShape, type Shape } from "../../../engine/shape.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { Memo } from "../../memo.ts";

/** Cells of a tensor that lie `stride` apart. */
interface Atom {
  readonly size: number;
  readonly stride: number;
}

/**
 * An activation as ONNX sees it: the cells of a tensor under another shape and in another order. Reshapes and
 * transposes only change the view; cells are moved where an op needs them in an order that they do not have. So images
 * stay channels last, whatever axes the model gives them.
 */
export class View {
  readonly kind = "view";
  readonly tensor: Tensor;
  /** As ONNX has it. */
  readonly shape: Shape;
  /** The atoms of each axis, outermost first; none for an axis of size 1. Each cell of the tensor comes once. */
  readonly #axes: readonly (readonly Atom[])[];

  private constructor(tensor: Tensor, shape: Shape, axes: readonly (readonly Atom[])[]) {
    this.tensor = tensor;
    this.shape = shape;
    this.#axes = axes;
  }

  /** A tensor whose axis i is axis order[i] of the view; by default the same axes. */
  static of(tensor: Tensor, order: readonly number[] = tensor.shape.map((_, axis) => axis)): View {
    const shape = new Array<number>(order.length);
    const axes = new Array<readonly Atom[]>(order.length);
    let stride = elementCount(tensor.shape);
    order.forEach((axis, at) => {
      const size = tensor.shape[at]!;
      stride /= size;
      shape[axis] = size;
      axes[axis] = size === 1 ? [] : [{ size, stride }];
    });
    return new View(tensor, shape, axes);
  }

  /** The same view of another tensor with cells in the same places. */
  with(tensor: Tensor): View {
    return new View(tensor, this.shape, this.#axes);
  }

  permuted(permutation: readonly number[]): View {
    return new View(
      this.tensor,
      permutation.map((axis) => this.shape[axis]!),
      permutation.map((axis) => this.#axes[axis]!),
    );
  }

  /** The same cells in the same order of ONNX. */
  reshaped(shape: Shape): View {
    if (sameShape(shape, this.shape)) return this;
    const axes = regroup(joined(this.#axes.flat()), shape);
    if (axes !== undefined) return new View(this.tensor, shape, axes);
    return View.of(withShape(this.natural(), shape));
  }

  /** The tensor with axis order[i] as its axis i; cells are moved only where they lie otherwise. */
  ordered(order: readonly number[]): Tensor {
    const shape = order.map((axis) => this.shape[axis]!);
    const atoms = joined(order.flatMap((axis) => this.#axes[axis]!));
    if (isDense(atoms)) return withShape(this.tensor, shape);
    const stored = [...atoms].sort((a, b) => b.stride - a.stride);
    const source = withShape(
      this.tensor,
      stored.map(({ size }) => size),
    );
    return withShape(
      moved(
        source,
        atoms.map((atom) => stored.indexOf(atom)),
      ),
      shape,
    );
  }

  natural(): Tensor {
    return this.ordered(this.shape.map((_, axis) => axis));
  }

  /** Whether the tensor has its cells in this order of axes already. */
  isOrdered(order: readonly number[]): boolean {
    return isDense(joined(order.flatMap((axis) => this.#axes[axis]!)));
  }

  /** The order of axes in which the cells lie already; images channels last. Undefined where an axis is interleaved. */
  freeOrder(): readonly number[] | undefined {
    if (this.shape.length === 4 && this.isOrdered(channelsLast)) return channelsLast;
    const order = this.shape.map((_, axis) => axis);
    const stride = (axis: number): number => this.#axes[axis]![0]?.stride ?? Infinity;
    order.sort((a, b) => (stride(a) === stride(b) ? a - b : stride(b) - stride(a)));
    return this.isOrdered(order) ? order : undefined;
  }

  /** A view that has a free order: itself, or its cells in the order of ONNX; images channels last. */
  free(): { readonly tensor: Tensor; readonly order: readonly number[] } {
    const order = this.freeOrder() ?? (this.shape.length === 4 ? channelsLast : this.shape.map((_, axis) => axis));
    return { tensor: this.ordered(order), order };
  }

  /**
   * Rows of the last axis: all its cells follow each other, though perhaps in another order than ONNX has.
   * @returns the tensor [rows,size], which cell of ONNX each cell of a row is, and the view of another such tensor
   */
  rows(): {
    readonly tensor: Tensor;
    readonly cells: readonly number[];
    readonly view: (tensor: Tensor) => View;
  } {
    const last = this.#axes.at(-1)!;
    const leading = this.#axes.slice(0, -1);
    const size = this.shape.at(-1)!;
    const span = last.length === 0 ? 1 : Math.max(...last.map((atom) => atom.size * atom.stride));
    if (span !== size || leading.flat().some(({ stride }) => stride < size)) {
      const free = this.shape.map((_, axis) => axis).slice(0, -1);
      const stride = (axis: number): number => leading[axis]![0]?.stride ?? Infinity;
      free.sort((a, b) => (stride(a) === stride(b) ? a - b : stride(b) - stride(a)));
      const order = [...free, this.shape.length - 1];
      return View.of(this.ordered(order), order).rows();
    }
    const rows = elementCount(this.shape) / size;
    return {
      tensor: withShape(this.tensor, [rows, size]),
      cells: cellsOf(last, size),
      view: (tensor) => {
        const width = tensor.shape.at(-1)!;
        const axes = leading.map((atoms) => atoms.map((atom) => ({ ...atom, stride: (atom.stride / size) * width })));
        const shape = [...this.shape.slice(0, -1), width];
        return new View(tensor, shape, [...axes, width === 1 ? [] : [{ size: width, stride: 1 }]]);
      },
    };
  }
}

const channelsLast = [0, 2, 3, 1];

/** Atoms of which one continues the other become one. */
function joined(atoms: readonly Atom[]): Atom[] {
  const result: Atom[] = [];
  for (const atom of atoms) {
    const before = result.at(-1);
    if (before !== undefined && before.stride === atom.stride * atom.size)
      result[result.length - 1] = { size: before.size * atom.size, stride: atom.stride };
    else result.push(atom);
  }
  return result;
}

function isDense(atoms: readonly Atom[]): boolean {
  return atoms.length === 0 || (atoms.length === 1 && atoms[0]!.stride === 1);
}

/** Deals atoms to the axes of a shape, cut where they have to be; undefined where that does not come out even. */
function regroup(atoms: readonly Atom[], shape: Shape): (readonly Atom[])[] | undefined {
  const left = [...atoms];
  const axes: Atom[][] = [];
  for (const size of shape) {
    const axis: Atom[] = [];
    for (let rest = size; rest > 1;) {
      const atom = left.shift();
      if (atom === undefined) return undefined;
      if (rest % atom.size === 0) {
        axis.push(atom);
        rest /= atom.size;
      } else if (atom.size % rest === 0) {
        const inner = atom.size / rest;
        axis.push({ size: rest, stride: atom.stride * inner });
        left.unshift({ size: inner, stride: atom.stride });
        rest = 1;
      } else return undefined;
    }
    axes.push(axis);
  }
  return axes;
}

/** For each place along the cells of some atoms, as they lie, the index in the order of ONNX. */
function cellsOf(atoms: readonly Atom[], size: number): number[] {
  const cells = new Array<number>(size).fill(0);
  let step = size;
  for (const atom of atoms) {
    step /= atom.size;
    for (let place = 0; place < size; place++) cells[place]! += (Math.floor(place / atom.stride) % atom.size) * step;
  }
  return cells;
}

/** The tensor under another shape; a reshape of a reshape is one. */
export function withShape(tensor: Tensor, shape: Shape): Tensor {
  if (sameShape(tensor.shape, shape)) return tensor;
  const { node } = tensor;
  if (node.kind === "op" && node.op === "reshape") return withShape(node.inputs[0]!, shape);
  return reshape(tensor, shape);
}

const transposes = new Memo<Tensor, Tensor>();

/** Cells in one order are needed by several: they are moved once. */
function moved(tensor: Tensor, permutation: readonly number[]): Tensor {
  return transposes.of(tensor, permutation, () => transpose(tensor, permutation));
}
