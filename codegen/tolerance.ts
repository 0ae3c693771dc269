/** How far float32 results of one network may lie apart: 1e-5, in proportion once logits pass 10. */
export function floatTolerance(largestLogit: number): number {
  return 1e-5 * Math.max(1, largestLogit / 10);
}
