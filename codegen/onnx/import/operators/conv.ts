import { conv2d, depthwiseConv2d } from "../../../../engine/ops/conv2d.ts";
import type { Pair } from "../../../../engine/shape.ts";
import type { Call } from "../call.ts";
import type { Row } from "../row.ts";
import { permuted, reshaped } from "../static.ts";
import { View } from "../view.ts";
import { expectOneImage, imagesOf, windowOf } from "./window.ts";

const channelsLast = [0, 2, 3, 1];

/** Weights [co,ci/groups,kh,kw] become [kh,kw,ci/groups,co]; a group per channel is a depthwise convolution. */
export const conv: Row = (call) => {
  const given = call.view(0);
  const x = imagesOf(call, given);
  expectOneImage(call, x);
  const weights = call.static(1, "the weights");
  const flat = given.shape.length === 3;
  if (weights.shape.length !== given.shape.length) call.fail("the weights have another number of axes than the images");
  const [co, ci, ...kernel] = weights.shape as [number, number, ...number[]];
  const groups = call.int("group", 1);
  const [, channels, height, width] = x.shape as [number, number, number, number];
  if (channels !== ci * groups || co % groups !== 0)
    call.fail(`${channels} channels do not fit weights for ${ci} in ${groups} groups`);
  const { kernel: size, ...window } = windowOf(call, [height, width], kernel);
  const y = convolve(call, x.ordered(channelsLast), { co, ci, groups, size, window });
  const bias = call.optionalStatic(2, "the bias");
  const biased = bias === undefined ? y : y.bias(call.table("bias", bias, [co]));
  const view = View.of(biased, channelsLast);
  return [flat ? view.reshaped([1, co, view.shape[3]!]) : view];
};

interface Convolution {
  readonly co: number;
  readonly ci: number;
  readonly groups: number;
  readonly size: Pair;
  readonly window: Omit<ReturnType<typeof windowOf>, "kernel">;
}

function convolve(call: Call, x: View["tensor"], { co, ci, groups, size, window }: Convolution): View["tensor"] {
  const weights = call.static(1, "the weights");
  const make = (): Float32Array => Float32Array.from(permuted(reshaped(weights, [co, ci, ...size]), [2, 3, 1, 0]).data);
  const depthwise = groups > 1 && groups === co && ci === 1;
  if (depthwise) return depthwiseConv2d(x, call.weight("weight", [...size, co], make), window);
  return conv2d(x, call.weight("weight", [...size, ci, co], make), { ...window, groups });
}
