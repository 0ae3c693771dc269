import type { KernelSource } from "./kernel-source.ts";

const perElement = (parameters: string, expression: string): KernelSource => ({
  source: `function (${parameters}) { return ${expression}; }`,
  longestLoop: 1,
});

/** y = a + b */
export const addForward = perElement("a, b", "a[this.thread.x] + b[this.thread.x]");

/** y = a · b */
export const multiplyForward = perElement("a, b", "a[this.thread.x] * b[this.thread.x]");

/** y = max(x, 0) */
export const reluForward = perElement("x", "Math.max(x[this.thread.x], 0)");

/** dx = dy where y > 0 */
export const reluGradient: KernelSource = {
  source: `function (y, dy) {
      let dx = 0;
      if (y[this.thread.x] > 0) {
        dx = dy[this.thread.x];
      }
      return dx;
    }`,
  longestLoop: 1,
};

/** dx [count] from dy [] */
export const meanGradient = (count: number): KernelSource => perElement("dy", `dy[0] / ${count}`);
