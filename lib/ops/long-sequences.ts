import type { Derived, DerivedSource } from "../batch/batch.js";
import type { BatchLimits, StepView } from "../batch/step.js";
import { invalidArgument } from "../errors.js";
import { type GatherGroup, type GatherPlan, type GatherRule, planGather } from "./gather-groups.js";

/** The lists of a step's long sequences on the device: int32, by sequence, but the row starts, which are by group. */
export interface SequenceLists {
  readonly queryLens: bigint;
  readonly starts: bigint;
  readonly keyLens: bigint;
  readonly rowStarts: bigint;
}

/** Plans the gathers of a step and keeps their lists on the device as metadata of a batch. */
export class LongSequences {
  constructor(private readonly rule: GatherRule) {}

  plan(step: StepView): readonly GatherGroup[] {
    return planGather(step, this.rule).groups;
  }

  /** Refuses steps with a sequence that no group can hold. */
  derive({ maxSequences }: Required<BatchLimits>, derive: (source: DerivedSource) => Derived): SequenceLists {
    const { maxRows } = this.rule;
    const list = 4 * maxSequences;
    const derived = derive({
      bytes: 3 * list + 2 * list,
      check: (step) => {
        const { groups } = planGather(step, this.rule);
        const tooLong = groups.find(({ rows }) => rows > maxRows);
        if (tooLong === undefined) return;
        const argument = `seqLens[${tooLong.first}]`;
        const expected = `at most ${maxRows} keys for a sequence with more than a few query tokens to look at`;
        throw invalidArgument(argument, expected, tooLong.rows);
      },
      fill: (step, into) => fill(planGather(step, this.rule), into, maxSequences),
    });
    const at = (place: number) => derived.pointer + BigInt(place * list);
    return {
      get queryLens() {
        return at(0);
      },
      get starts() {
        return at(1);
      },
      get keyLens() {
        return at(2);
      },
      get rowStarts() {
        return at(3);
      },
    };
  }
}

function fill(plan: GatherPlan, into: Uint8Array, maxSequences: number): number {
  const numbers = new Int32Array(into.buffer, into.byteOffset, into.byteLength / 4);
  for (const [place, list] of [plan.queryLens, plan.starts, plan.keyLens].entries()) {
    numbers.fill(0, place * maxSequences, (place + 1) * maxSequences).set(list, place * maxSequences);
  }
  numbers.set(plan.rowStarts, 3 * maxSequences);
  return 4 * (3 * maxSequences + plan.rowStarts.length);
}
