import type { Batch } from "../batch/batch.js";
import type { ResolvedConfig } from "../config.js";
import type { Stream } from "../device/stream.js";
import type { NativeForm } from "../flex/native.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import { bindArguments } from "./arguments.js";
import type { AttentionCall } from "./call.js";
import { type FlexMetadata, flexTiles } from "./flex-block-mask.js";

/** More keys than any sequence has. */
const ALL = 2 ** 31 - 1;

/** The part of a step that a launch does: all of it. */
export interface FlexStep {
  readonly sequences: number;
  readonly tokens: number;
}

/** The addresses that a launch finds its mask and scores at. */
export interface FlexInputs {
  /** Of a program; null: the kernel is the native one. */
  readonly metadata: FlexMetadata | null;
  /** ALiBi slopes of the native kernel, float32 [numHeads]; 0n: none. */
  readonly slopes: bigint;
}

/** flex_attention: prefill and decode over a paged cache of any block size, by a program or by the options that it amounts to. */
export class FlexAttention {
  readonly #bind;
  readonly #setSequences;
  readonly #setMetadata;

  /** `form`: what the configuration's functions amount to for the native kernel; null: it has none, or a program runs. */
  constructor(
    private readonly plan: LaunchPlan,
    private readonly config: ResolvedConfig,
    form: NativeForm | null,
  ) {
    this.#bind = bindArguments(plan, config);
    if (form !== null) {
      const { window, causal, softCap } = form;
      plan.set({ window: window ?? ALL, ahead: causal ? 0 : ALL, logits_soft_cap: softCap ?? 0 });
    }
    this.#setSequences = plan.setter("num_sequences");
    const program = plan.setter("program");
    const mask = plan.setter("block_mask");
    const perHead = plan.setter("mask_per_head");
    const tiles = plan.setter("mask_tiles");
    const blocks = plan.setter("mask_blocks");
    this.#setMetadata = (metadata: FlexMetadata) => {
      program(metadata.program.pointer);
      mask(metadata.mask.pointer);
      perHead(metadata.shape.planes > 1 ? 1 : 0);
      tiles(metadata.shape.tiles);
      blocks(metadata.shape.blocks);
    };
    plan.complete();
  }

  launch(
    call: AttentionCall,
    batch: Batch,
    step: FlexStep,
    { metadata, slopes }: FlexInputs,
    stream: Stream,
  ): void {
    this.#bind(call, batch, slopes);
    this.#setSequences(step.sequences);
    if (metadata !== null) this.#setMetadata(metadata);
    const tiles = flexTiles(this.plan, step.tokens, step.sequences, this.config);
    this.plan.launch(stream, this.config.numKvHeads, tiles);
  }
}
