import { Option } from "@commander-js/extra-typings";
import type { z } from "zod";
import { exportOnnx } from "../codegen/onnx/export.ts";
import { writeFileAtomically } from "../engine/io-node/atomic-write.ts";
import { networkOf } from "./deployed-network.ts";
import { openModelOrArchitecture } from "./open-model.ts";
import { count } from "./output.ts";
import { runVerb } from "./run-verb.ts";
import type { exportSchema } from "./schemas.ts";
import { verb } from "./verb.ts";

export const command = () =>
  verb(
    "export",
    "Writes a trained model as ONNX: opset 17, batch 1, channels first, batch norm folded.",
    "finch export runs/first --onnx net.onnx",
  )
    .argument("<model>", "checkpoint, run folder, imported network, or architecture (its weights are random)")
    .addOption(new Option("--onnx <file>", "file to write").makeOptionMandatory())
    .action((name, options) =>
      runVerb(options, async ({ output }) => {
        const network = networkOf(await openModelOrArchitecture(name, output));
        const bytes = exportOnnx(network.graph, network);
        await writeFileAtomically(options.onnx, bytes);
        output.document({ file: options.onnx, bytes: bytes.length } satisfies z.input<typeof exportSchema>);
        output.data(`${options.onnx}: ${count(bytes.length)} bytes`);
      }),
    );
