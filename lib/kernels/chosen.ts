import type { Catalog, Launch } from "../catalog/choose.js";
import type { Environment } from "../config.js";
import type { Device } from "../device/device.js";
import { RocmAttentionError } from "../errors.js";
import { generatedRow } from "./generated.js";
import { LaunchPlan } from "./launch-plan.js";
import { type LocatedRow, loadKernel } from "./store.js";

/** The launches of an explanation, with the ids of the kernels that were chosen for them. */
export interface ChosenLaunch extends Launch {
  /** Ids of the kernels among which a step decides; empty where none is installed. */
  readonly kernels: readonly string[];
}

/** The kernels that selection chose for one attention. A backend gets no others. */
export class ChosenKernels {
  constructor(
    private readonly device: Device,
    private readonly catalog: Catalog<LocatedRow>,
    private readonly launches: readonly ChosenLaunch[],
    private readonly env: Environment = process.env,
  ) {}

  /** Whether selection chose kernels for a launch, "hip:paged_attention". */
  has(name: `${string}:${string}`): boolean {
    return this.#idsOf(name).length > 0;
  }

  /** Loads the kernels of a launch, "triton:unified_attention_2d" or "aiter:paged_attention:asm", in their order. They differ in tile or reach alone. Blocks. */
  load(name: `${string}:${string}`): [LaunchPlan, ...LaunchPlan[]] {
    const plans = this.rows(name).map((row) => new LaunchPlan(loadKernel(this.device, row), row));
    if (plans.length > 0) return plans as [LaunchPlan, ...LaunchPlan[]];
    throw new RocmAttentionError(
      "ERR_NO_KERNELS_FOR_ARCH",
      `expected a launch that the backend's table names and that has kernels, received ${name}`,
    );
  }

  /** The kernel of a launch with a program compiled into it, where the cache has that; null: it has not. Blocks. */
  loadGenerated(name: `${string}:${string}`, source: string): LaunchPlan | null {
    const row = generatedRow(this.rows(name)[0]!, source, this.env);
    return row === null ? null : new LaunchPlan(loadKernel(this.device, row), row);
  }

  /** The rows of a launch's kernels. */
  rows(name: `${string}:${string}`): LocatedRow[] {
    return this.#idsOf(name).map((id) => this.catalog.kernels.find((kernel) => kernel.id === id)!);
  }

  #idsOf(name: string): readonly string[] {
    const [provider, operation, variant] = name.split(":");
    const launch = this.launches.find(
      (one) => one.provider === provider && one.operation === operation && one.variant === variant,
    );
    return launch?.kernels ?? [];
  }
}
