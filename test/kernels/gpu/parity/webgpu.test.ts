import { full } from "../../../browser/browser.ts";
import { compareOpCases } from "./op-cases.ts";

compareOpCases("webgpu", full ? Infinity : 2);
