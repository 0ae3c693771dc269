import { isNear, type Pattern } from "../pattern.ts";

/** x · ½ · (1 + erf(x / √2)), its three factors in any order. */
export const gelu: Pattern = (node, graph) => {
  if (node.opType !== "Mul") return undefined;
  const factors: string[] = [];
  let number = 1;
  const collect = (name: string): void => {
    const known = graph.number(name);
    if (known !== undefined) {
      number *= known;
      return;
    }
    const product = graph.uses(name) === 1 ? graph.producer(name, "Mul", "Div") : undefined;
    const divisor = product?.opType === "Div" ? graph.number(product.inputs[1]) : undefined;
    if (product === undefined || (product.opType === "Div" && divisor === undefined)) factors.push(name);
    else if (divisor === undefined) product.inputs.forEach(collect);
    else {
      number /= divisor;
      collect(product.inputs[0]!);
    }
  };
  node.inputs.forEach(collect);
  if (factors.length !== 2 || !isNear(number, 0.5)) return undefined;
  for (const [x, sum] of [factors, factors.toReversed()] as [string, string][]) {
    const added = graph.withNumber(graph.producer(sum, "Add"));
    const erf = graph.producer(added?.x, "Erf");
    const scaled = graph.producer(erf?.inputs[0], "Mul", "Div");
    const argument = graph.withNumber(scaled);
    const factor = scaled?.opType === "Div" ? 1 / (argument?.number ?? NaN) : argument?.number;
    if (isNear(added?.number, 1) && argument?.x === x && isNear(factor, Math.SQRT1_2))
      return { opType: "Gelu", inputs: [x] };
  }
  return undefined;
};
