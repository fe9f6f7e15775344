import type { LaunchPlan } from "../kernels/launch-plan.js";
import type { Split } from "./split.js";

/** The kernels count on 16-byte alignment. */
const ALIGNMENT_ELEMENTS = 4;

/** Bytes of the partial results of `parts` segments: fp32 outputs, then their maxima, then their sums. */
export function partialBytes(parts: number, headSize: number): number {
  return 4 * (parts * (headSize + 2) + ALIGNMENT_ELEMENTS);
}

/** Returns the setter of the arguments by which a kernel finds partial results: of `rows` rows, each in all its segments. */
export function bindPartials(
  plan: LaunchPlan,
  headSize: number,
): (workspace: bigint, rows: number, split: Split) => void {
  const [partial, max, sum] = ["partial", "partial_max", "partial_sum"].map((name) => plan.setter(name));
  const segmentTokens = plan.setter("segment_tokens");
  const maxSegments = plan.setter("max_segments");
  let set: { workspace: bigint; rows: number; split: Split } | null = null;
  return (workspace, rows, split) => {
    // The layers of a step share a split.
    if (set !== null && set.split === split && set.rows === rows && set.workspace === workspace) return;
    set = { workspace, rows, split };
    const parts = rows * split.maxSegments;
    const maxima = workspace + BigInt(4 * parts * headSize);
    partial!(workspace);
    max!(maxima);
    sum!(maxima + BigInt(4 * ALIGNMENT_ELEMENTS * Math.ceil(parts / ALIGNMENT_ELEMENTS)));
    segmentTokens(split.segmentTokens);
    maxSegments(split.maxSegments);
  };
}
