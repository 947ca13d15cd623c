import type { LoadedKernel } from "../../mod.ts";
import type { Case } from "./cases.ts";
import type { Complain } from "./compare.ts";
export function bootKernel(_case: Case, _kernel: LoadedKernel, _complain: Complain): void {}
