export { checkAgreement, compareOutputs, type Agreement } from "./agreement.ts";
export { floatTolerance } from "../tolerance.ts";
export { doctor, doctorReportSchema, type DoctorOptions, type DoctorReport, type ToolState } from "./doctor.ts";
export { measure, type Measurements, type MeasureRequest } from "./measure.ts";
export { profileInstructions } from "./profile.ts";
export { verifyTargets, type VerifyTarget } from "./targets.ts";
export {
  verify,
  verifyReferences,
  verifyReportSchema,
  type VerifiableCode,
  type VerifyReference,
  type VerifyRequest,
  type VerifyRow,
} from "./verify.ts";
export { verifyNetwork, type VerifyNetworkRequest } from "./verify-network.ts";
