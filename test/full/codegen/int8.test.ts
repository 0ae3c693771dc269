import { afterAll, describe, test } from "vitest";
import type { TargetName } from "../../../codegen/index.ts";
import type { Plan } from "../../../codegen/schedule.ts";
import { CProgram, strict } from "../../codegen/c-program.ts";
import { codesOf, expectInterpreted } from "../../codegen/int8/interpreted.ts";
import { hybridCases } from "../../codegen/int8/quantized-networks.ts";
import { describeWithTools, riscvTools } from "../../codegen/verify/with-tools.ts";
import { saveResult } from "../results.ts";

const hybrids = 200;
const atOnce = 8;
const plans: readonly Plan[] = ["default", "direct", "winograd", "ram", "size"];

type Images = readonly Int8Array[];

interface Place {
  readonly name: string;
  readonly target: TargetName;
  readonly run: (program: CProgram, batch: number) => Promise<(images: Images) => Promise<Int32Array[]>>;
}

const onHost = (compiler: string): Place["run"] => {
  return (program) => Promise.resolve((images) => program.runOnHost(compiler, [...strict, "-O1"], images));
};

const places: readonly Place[] = [
  { name: "host, gcc", target: "rv64gc", run: onHost("gcc") },
  { name: "host, clang", target: "rv32imafc", run: onHost("clang") },
  ...(["rv32imc", "rv32imafc", "rv64gc"] as const).map((target): Place => {
    return { name: target, target, run: (program) => Promise.resolve((images) => program.runOnRiscv(target, images)) };
  }),
  {
    name: "rv64gcv",
    target: "rv64gcv",
    run: async (program, batch) => {
      const run = await program.compileWithVectors<Int32Array>("rv64gcv");
      return (images) => run(images, [128, 256, 512][batch % 3]!);
    },
  },
];

/** Five images each, a thousand in all. */
const batches = hybridCases(hybrids, 16).then((cases) =>
  Array.from({ length: hybrids / atOnce }, (_, batch) => cases.slice(batch * atOnce, (batch + 1) * atOnce)),
);

await describeWithTools("random hybrids in integers", ["gcc", "clang", "clang-19", ...riscvTools], () => {
  const equal = new Map(places.map(({ name }) => [name, { hybrids: 0, images: 0 }]));

  describe.each(Array.from({ length: hybrids / atOnce }, (_, batch) => batch))("batch %i", (batch) => {
    test.each(places.map((place, at) => ({ ...place, plan: plans[(batch + at) % plans.length]! })))(
      "$name, plan $plan",
      { timeout: 900_000 },
      async ({ name, target, run, plan }) => {
        const cases = (await batches)[batch]!;
        await using program = await CProgram.write(codesOf(cases, target, plan), { together: true });
        await expectInterpreted(cases, await run(program, batch));
        const sum = equal.get(name)!;
        sum.hybrids += cases.length;
        sum.images += cases.reduce((count, { images }) => count + images.length, 0);
      },
    );
  });

  afterAll(async () => {
    const rows = [...equal].map(([place, counts]) => ({ place, ...counts }));
    await saveResult("int8-equality", "npm run test:full -- codegen/int8", { equalToTheBit: rows });
  });
});
