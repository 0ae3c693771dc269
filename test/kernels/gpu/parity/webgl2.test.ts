import { full } from "../../../browser/browser.ts";
import { compareOpCases } from "./op-cases.ts";

compareOpCases("webgl2", full ? Infinity : 2);
