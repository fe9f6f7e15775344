import type { Batch } from "../batch/batch.js";
import type { ResolvedConfig } from "../config.js";
import type { Stream } from "../device/stream.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import { bindArguments } from "./arguments.js";
import type { AttentionCall } from "./call.js";

/** reshape_and_cache_flash: writes each new token's key and value to its slot, a workgroup for each token. */
export class CacheWrite {
  readonly #bind: ReturnType<typeof bindArguments>;

  constructor(
    private readonly plan: LaunchPlan,
    config: ResolvedConfig,
  ) {
    this.#bind = bindArguments(plan, config);
    plan.complete();
  }

  launch(call: AttentionCall, batch: Batch, tokens: number, stream: Stream): void {
    this.#bind(call, batch);
    this.plan.launch(stream, tokens);
  }
}
