import type { Derived, DerivedSource } from "../batch/batch.js";
import type { BatchLimits, StepView } from "../batch/step.js";
import { invalidArgument } from "../errors.js";
import { type GatherRule, gatherLimits, type LongSequencesPlan, planLongSequences } from "./gather-groups.js";

/** Plans the gathers of steps and keeps their lists on the device as metadata of a batch: int32, as `LongSequencesPlan` has them. */
export class LongSequences {
  readonly #plans = new WeakMap<StepView, LongSequencesPlan>();

  constructor(readonly rule: GatherRule) {}

  /** The plan of a step, which is made once. */
  plan(step: StepView): LongSequencesPlan {
    const known = this.#plans.get(step);
    if (known !== undefined) return known;
    const plan = planLongSequences(step, this.rule);
    this.#plans.set(step, plan);
    return plan;
  }

  derive(limits: Required<BatchLimits>, derive: (source: DerivedSource) => Derived): Derived {
    return derive({
      bytes: 4 * gatherLimits(limits, this.rule).listEntries,
      check: (step) => this.#check(this.plan(step)),
      fill: (step, into) => {
        const { lists } = this.plan(step);
        new Int32Array(into.buffer, into.byteOffset, into.byteLength / 4).set(lists);
        return 4 * lists.length;
      },
    });
  }

  #check(plan: LongSequencesPlan): void {
    const { mostKeys, decodeTokens } = this.rule;
    for (const { first, keys } of [...plan.prefills, ...plan.extends]) {
      if (keys <= mostKeys) continue;
      const expected = `at most ${mostKeys} keys that a sequence with more than ${decodeTokens} query tokens looks at`;
      throw invalidArgument(`seqLens[${first}]`, expected, keys);
    }
  }
}
