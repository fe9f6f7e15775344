import { checkInstance, checkOptions } from "../arguments.js";
import { joinWithOr } from "../catalog/sizes.js";
import type { Stream } from "../device/stream.js";
import { Tensor } from "../device/tensor.js";
import { invalidArgument } from "../errors.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import { needsOf, operationOn } from "../kernels/operation.js";
import type { Rows } from "./arguments.js";
import { checkLse, checkOutput, checkRows } from "./operands.js";

/** A result of attention: output [tokens, numHeads, headSize] and its LSE, float32 [tokens, numHeads]. */
export interface AttentionState {
  /** The result, [tokens, numHeads, headSize] in bfloat16 or float16. */
  readonly output: Tensor;
  /** The log-sum-exp of each row, float32 [tokens, numHeads]; -inf: a row without keys. */
  readonly lse: Tensor;
}

/** Such a result in memory: a state, or what has the same meaning. */
export interface StateRows {
  readonly output: Rows;
  readonly lse: Pick<Tensor, "pointer">;
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

  /** Writes `tokens` rows to `into`, which may be one of the two. */
  launch(first: StateRows, second: StateRows, into: StateRows, tokens: number, stream: Stream): void {
    for (const [index, { output, lse }] of [into, first, second].entries()) {
      const { pointer, token, head } = this.#parts[index]!;
      pointer(output.pointer);
      token(output.strides[0]!);
      head(output.strides[1]!);
      this.#lse[index]!(lse.pointer);
    }
    this.plan.launch(stream, tokens);
  }
}

/** Two results of attention for the same queries over different keys, and where they are to become one. */
export interface MergeAttentionStatesOptions {
  /** Output [tokens, numHeads, headSize] in bfloat16 or float16, any aligned strides; heads in whole 16 bytes. */
  first: AttentionState;
  /** As `first`, over other keys. */
  second: AttentionState;
  /** Of as many tokens as are merged. May be one of the two. */
  into: AttentionState;
  /** Default: the device's default stream. */
  stream?: Stream | undefined;
}

const DTYPES = ["bfloat16", "float16"] as const;

/**
 * Merges two results of attention by their log-sum-exps, as if it had run over the keys of both: a long context in chunks, or
 * on several devices. A result over no key has the log-sum-exp -inf and no influence; two of them give 0 and -inf. Enqueues
 * and returns; may be captured. The first call of a kind loads a kernel and blocks. ERR_INVALID_ARGUMENT, ERR_DISPOSED,
 * ERR_NO_KERNELS_FOR_ARCH.
 */
export function mergeAttentionStates(options: MergeAttentionStatesOptions): void {
  const given = checkOptions(options, ["first", "second", "into", "stream"]);
  const [first, second, into] = (["first", "second", "into"] as const).map((name) => {
    if (given[name] === undefined) throw invalidArgument(name, "an object with output, lse", undefined);
    return checkOptions(given[name], ["output", "lse"], name);
  }) as [GivenState, GivenState, GivenState];
  const at = checkInstance(into.output, "into.output", Tensor);
  const dtype = DTYPES.find((each) => each === at.dtype);
  if (dtype === undefined) throw invalidArgument("into.output", `dtype ${joinWithOr(DTYPES)}`, at.dtype);
  const [tokens = 0, heads = 0, headSize = 0] = at.shape;
  if (headSize % 8 !== 0) throw invalidArgument("into.output", "heads of a multiple of 8 elements", headSize);
  const rows = { dtype, tokens, heads, headSize };
  const state = ({ output, lse }: GivenState, name: string, check: typeof checkRows): AttentionState => ({
    output: check(output, `${name}.output`, at, rows),
    lse: checkLse(lse, `${name}.lse`, at, tokens, heads),
  });
  const merged = state(into, "into", checkOutput);
  const states = [state(first, "first", checkRows), state(second, "second", checkRows)] as const;
  const stream = at.device.streamOf(given.stream);
  if (tokens === 0 || heads === 0 || headSize === 0) return;
  const of = { operation: "merge_attention_states", needs: needsOf(dtype), constants: [heads, headSize] };
  const merge = operationOn(at.device, of, (plan) => new MergeStates(plan, { numHeads: heads, headSize }));
  merge.launch(...states, merged, tokens, stream);
}

interface GivenState {
  readonly output?: unknown;
  readonly lse?: unknown;
}
