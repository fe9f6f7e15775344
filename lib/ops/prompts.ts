import type { Batch, Derived, DerivedSource } from "../batch/batch.js";
import type { BatchLimits, StepView } from "../batch/step.js";
import type { Stream } from "../device/stream.js";
import type { AttentionCall } from "./call.js";
import { MAX_DECODE_TOKENS } from "./decodes.js";
import type { CallWithLse, FmhaForward } from "./fmha.js";
import type { FmhaV3 } from "./fmha-v3.js";

/** The prompts of a step: sequences without a context, of more tokens than a decode. */
export interface PromptStep {
  readonly sequences: number;
  /** Of the whole step. */
  readonly tokens: number;
  /** Of a prompt at most: its tokens, those that fmha_v3 takes, and those behind. */
  readonly maxLen: number;
  readonly maxWhole: number;
  readonly maxRest: number;
}

/** fmha_v3 for the rows of long prompts that fill its tiles, fmha_forward for the rows behind and for short prompts. */
export class Prompts {
  /** `v3`: null where there is none for the configuration. */
  constructor(
    private readonly forward: FmhaForward,
    private readonly v3: FmhaV3 | null,
  ) {}

  /** null: there are none. Pure. */
  plan(step: StepView): PromptStep | null {
    const { sequences, tokens } = step.shape;
    let [maxLen, maxWhole, maxRest] = [0, 0, 0];
    for (let s = 0; s < sequences; s++) {
      const length = promptLen(step, s);
      const whole = this.#whole(length);
      maxLen = Math.max(maxLen, length);
      maxWhole = Math.max(maxWhole, whole);
      maxRest = Math.max(maxRest, length - whole);
    }
    return maxLen === 0 ? null : { sequences, tokens, maxLen, maxWhole, maxRest };
  }

  /**
   * Puts the lists of a step's prompts on the device, int32 [4, maxSequences + 1]: summed-up lengths of the rows that fmha_v3
   * takes, where the rows behind them begin, how many these are, and how many keys a prompt has. Other sequences have none.
   */
  derive({ maxSequences }: Required<BatchLimits>, derive: (source: DerivedSource) => Derived): Derived {
    const stride = maxSequences + 1;
    return derive({
      bytes: 4 * 4 * stride,
      fill: (step, into) => {
        const numbers = new Int32Array(into.buffer, into.byteOffset, 4 * stride);
        numbers[0] = 0;
        for (let s = 0; s < step.shape.sequences; s++) {
          const length = promptLen(step, s);
          const whole = this.#whole(length);
          numbers[s + 1] = numbers[s]! + whole;
          numbers[stride + s] = step.queryStartLoc[s]! + whole;
          numbers[2 * stride + s] = length - whole;
          numbers[3 * stride + s] = length;
        }
        return into.byteLength;
      },
    });
  }

  /** Attends to the keys and values of the call. `lse`: where fmha_forward writes LSEs; `lists`: what `derive` gave. */
  launch(
    call: AttentionCall,
    lse: CallWithLse["lse"],
    batch: Batch,
    { sequences, tokens, maxLen, maxWhole, maxRest }: PromptStep,
    lists: Derived,
    alibiSlopes: bigint,
    stream: Stream,
  ): void {
    const at = (list: number) => lists.pointer + BigInt(4 * list * (batch.limits.maxSequences + 1));
    const starts = batch.queryStartLocPointer;
    // fmha_v3 writes LSEs in another order.
    const isSplit = maxWhole > 0 && call.lse === null && this.v3!.reaches(call, tokens, tokens);
    if (isSplit) {
      const rows = { queryStartLoc: starts, keyStartLoc: starts, cumulativeQueryLens: at(0) };
      const of = { ...rows, cumulativeKeyLens: at(0), sequences, maxQueryLen: maxWhole };
      this.v3!.launch(call, batch, of, null, stream);
      if (maxRest === 0) return;
    }
    const of = {
      queryStartLoc: isSplit ? at(1) : starts,
      queryLens: at(isSplit ? 2 : 3),
      keyStartLoc: starts,
      keyLens: at(3),
      sequences,
      maxQueryLen: isSplit ? maxRest : maxLen,
      keysBehind: 0,
    };
    this.forward.launch({ ...call, lse }, batch, of, alibiSlopes, stream);
  }

  #whole(promptLen: number): number {
    return this.v3?.rowsOf(promptLen) ?? 0;
  }
}

/** The tokens of a sequence that is a prompt; 0 of others. */
function promptLen({ queryStartLoc, seqLens }: StepView, sequence: number): number {
  const length = queryStartLoc[sequence + 1]! - queryStartLoc[sequence]!;
  return length > MAX_DECODE_TOKENS && length === seqLens[sequence] ? length : 0;
}
