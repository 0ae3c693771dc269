import { z } from "zod";
import {
  candidatesRowSchema,
  codegenRowSchema,
  crossoverRowSchema,
  kernelRowSchema,
  latencyRowSchema,
  networkRowSchema,
  peakSchema,
  pipelineRowSchema,
  profileRowSchema,
  scalingRowSchema,
} from "../bench/rows.ts";
import { datasheetSchema } from "../codegen/package/datasheet/schema.ts";
import { doctorReportSchema } from "../codegen/verify/doctor.ts";
import { verifyReportSchema } from "../codegen/verify/verify.ts";
import { architectureSchema } from "../engine/architecture.ts";
import { retrainResultSchema, searchResultSchema } from "../nas/schema.ts";
import {
  codegenSchema,
  configSchema,
  drawSchema,
  errorSchema,
  evaluateSchema,
  exportSchema,
  importSchema,
  predictSchema,
  trainSchema,
} from "./schemas.ts";

const benchSchema = z.object({
  peak: peakSchema.nullable().optional(),
  /** With --profile: seconds of the step itself, and of the sum of its rows. */
  stepSeconds: z.number().optional(),
  profiledSeconds: z.number().optional(),
  rows: z.array(
    z.union([
      networkRowSchema,
      crossoverRowSchema,
      latencyRowSchema,
      pipelineRowSchema,
      candidatesRowSchema,
      kernelRowSchema,
      profileRowSchema,
      scalingRowSchema,
      codegenRowSchema,
    ]),
  ),
});

const documents = {
  bench: benchSchema,
  codegen: codegenSchema,
  config: configSchema,
  datasheet: datasheetSchema,
  doctor: doctorReportSchema,
  draw: drawSchema,
  error: errorSchema,
  evaluate: evaluateSchema,
  export: exportSchema,
  import: importSchema,
  predict: predictSchema,
  retrain: retrainResultSchema,
  search: searchResultSchema,
  train: trainSchema,
  verify: verifyReportSchema,
};

/** JSON Schema of each document that `finch VERB --json` prints, and of the architecture file that `--arch` takes. */
export function jsonSchemas(): Record<string, object> {
  const schemas: Record<string, object> = { architecture: z.toJSONSchema(architectureSchema, { io: "input" }) };
  for (const [name, schema] of Object.entries(documents)) schemas[name] = z.toJSONSchema(schema);
  return schemas;
}
