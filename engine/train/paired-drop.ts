/** Accuracy that is lost from one model to another on the same images: fractions, and half of its 95 % interval. */
export interface PairedDrop {
  readonly drop: number;
  readonly interval: number;
}

/**
 * Only images count that one of the two gets right and the other wrong, so the interval is narrower than that of two
 * accuracies which were measured apart (normal approximation of McNemar's paired proportions).
 * @param before, after  classes that images [n] were taken for; `labels` their true ones
 */
export function pairedDrop(labels: ArrayLike<number>, before: ArrayLike<number>, after: ArrayLike<number>): PairedDrop {
  const images = labels.length;
  let lost = 0;
  let won = 0;
  for (let image = 0; image < images; image++) {
    const label = labels[image];
    if (before[image] === label && after[image] !== label) lost++;
    if (before[image] !== label && after[image] === label) won++;
  }
  const drop = (lost - won) / Math.max(1, images);
  const variance = (lost + won) / Math.max(1, images) - drop * drop;
  return { drop, interval: 1.96 * Math.sqrt(variance / Math.max(1, images)) };
}
