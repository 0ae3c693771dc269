import { full } from "../../../browser/browser.ts";
import { compareOpCases } from "./op-cases.ts";

// The kernels are those of webgl2, in an older dialect of its language.
compareOpCases("webgl", full ? 4 : 0);
