import type { StepShape, StepView } from "../batch/step.js";

/** New tokens of a sequence that still make a decode, where kernels take several: one, or what speculation proposes. */
export const MAX_DECODE_TOKENS = 8;

/** The decodes of a step with at most so many new tokens: their most query tokens (0: there are none), and their most keys. */
export function shortQueries(
  shape: StepShape,
  step: StepView | null,
): { queryTokens: number; maxLen: number } {
  if (step === null) {
    return { queryTokens: Math.min(MAX_DECODE_TOKENS, shape.maxQueryLen), maxLen: shape.maxSeqLen };
  }
  let [queryTokens, maxLen] = [0, 0];
  for (let s = 0; s < shape.sequences; s++) {
    const length = step.queryStartLoc[s + 1]! - step.queryStartLoc[s]!;
    if (length < 1 || length > MAX_DECODE_TOKENS) continue;
    queryTokens = Math.max(queryTokens, length);
    maxLen = Math.max(maxLen, step.seqLens[s]!);
  }
  return { queryTokens, maxLen };
}
