import { ShapeError } from "../errors.ts";
import { record, recordOne } from "../record.ts";
import { formatShape, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** Scale and shift per channel, both [c]. */
export interface Affine {
  readonly gamma: Tensor;
  readonly beta: Tensor;
}

const terms = (affine?: Affine): Tensor[] => (affine ? [affine.gamma, affine.beta] : []);

/** Batch normalisation (Ioffe and Szegedy 2015) with given statistics [c] over x [...,c]. @throws ShapeError */
export function batchNorm(x: Tensor, mean: Tensor, variance: Tensor, affine?: Affine, epsilon = 1e-5): Tensor {
  return recordOne("batchNorm", [x, mean, variance, ...terms(affine)], { epsilon });
}

/** Batch normalisation with the statistics of x [...,c] itself; variance is the biased one. @throws ShapeError */
export function batchNormTraining(
  x: Tensor,
  affine?: Affine,
  epsilon = 1e-5,
): { y: Tensor; mean: Tensor; variance: Tensor } {
  const [y, mean, variance] = record("batchNormTraining", [x, ...terms(affine)], { epsilon });
  return { y: y!, mean: mean!, variance: variance! };
}

/** Layer normalisation (Ba et al. 2016) over the last axis. @throws ShapeError */
export function layerNorm(x: Tensor, affine?: Affine, epsilon = 1e-5): Tensor {
  return recordOne("layerNorm", [x, ...terms(affine)], { epsilon });
}

function checkTerms(op: string, x: Shape, vectors: readonly Shape[]): void {
  const channels = x.at(-1) ?? 0;
  for (const vector of vectors)
    if (vector.length !== 1 || vector[0] !== channels)
      throw new ShapeError(`${op}: statistics and affine terms must be [${channels}], got ${formatShape(vector)}`);
}

export function batchNormShape([x, ...vectors]: readonly Shape[]): Shape[] {
  if (vectors.length !== 2 && vectors.length !== 4)
    throw new ShapeError(`batchNorm: takes mean and variance, or these with gamma and beta, got ${vectors.length}`);
  checkTerms("batchNorm", x!, vectors);
  return [x!];
}

export function batchNormTrainingShape([x, ...vectors]: readonly Shape[]): Shape[] {
  checkTerms("batchNormTraining", x!, vectors);
  const channels = x!.at(-1)!;
  return [x!, [channels], [channels]];
}

export function batchNormTrainingGradientShape([, x, , , gamma]: readonly Shape[]): Shape[] {
  return gamma ? [x!, gamma, gamma] : [x!];
}

export function layerNormShape([x, ...vectors]: readonly Shape[]): Shape[] {
  checkTerms("layerNorm", x!, vectors);
  return [x!];
}

export function layerNormGradientShape([, x, gamma]: readonly Shape[]): Shape[] {
  return gamma ? [x!, gamma, gamma] : [x!];
}
