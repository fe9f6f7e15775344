import type { Stream } from "../device/stream.js";
import type { Tensor } from "../device/tensor.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";

/** A result of attention: output [tokens, numHeads, headSize] and its LSE, float32 [tokens, numHeads]. */
export interface AttentionState {
  readonly output: Tensor;
  readonly lse: Tensor;
}

const PARTS = ["output", "first", "second"] as const;

/** merge_attention_states: merges two results for the same queries over different keys, a workgroup for each token. */
export class MergeStates {
  readonly #parts;
  readonly #lse;

  constructor(
    private readonly plan: LaunchPlan,
    { numHeads, headSize }: { numHeads: number; headSize: number },
  ) {
    plan.set({ num_heads: numHeads, head_size: headSize });
    this.#parts = PARTS.map((name) => ({
      pointer: plan.setter(name),
      token: plan.setter(`stride_${name}_token`),
      head: plan.setter(`stride_${name}_head`),
    }));
    this.#lse = ["lse", "first_lse", "second_lse"].map((name) => plan.setter(name));
    plan.complete();
  }

  /** Writes to `into`, which may be one of the two. */
  launch(first: AttentionState, second: AttentionState, into: AttentionState, stream: Stream): void {
    for (const [index, { output, lse }] of [into, first, second].entries()) {
      const { pointer, token, head } = this.#parts[index]!;
      pointer(output.pointer);
      token(output.strides[0]!);
      head(output.strides[1]!);
      this.#lse[index]!(lse.pointer);
    }
    this.plan.launch(stream, into.output.shape[0]!);
  }
}
