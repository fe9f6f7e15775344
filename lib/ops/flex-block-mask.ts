import type { Derived, DerivedSource } from "../batch/batch.js";
import type { BatchLimits } from "../batch/step.js";
import { type ResolvedConfig, usesCache } from "../config.js";
import { imageOf } from "../flex/image.js";
import type { Program } from "../flex/program.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";

/** Workgroups that share the blocks of a tile. */
const PARTS = 8;
const WORD_BYTES = 4;

/** How the words of block masks lie: one for each block of keys, tile after tile, for each KV head or for all. */
interface MaskShape {
  readonly planes: number;
  readonly tiles: number;
  readonly blocks: number;
}

/** A program and the classes of its blocks on the device, as metadata of a batch. */
export interface FlexMetadata {
  readonly program: Derived;
  readonly mask: Derived;
  readonly shape: MaskShape;
}

/** Workgroups for the rows (query tokens x heads of a KV head) of a step; a sequence may end within one. */
export function flexTiles(
  { row }: LaunchPlan,
  tokens: number,
  sequences: number,
  { numHeads, numKvHeads }: ResolvedConfig,
): number {
  return Math.floor((tokens * (numHeads / numKvHeads)) / row.tile.rows!) + sequences;
}

/** Keys that a sequence has at most. */
function longestSequence(limits: Required<BatchLimits>, config: ResolvedConfig): number {
  return usesCache(config) ? limits.maxBlocksPerSequence * limits.blockSize : limits.maxQueryLen;
}

/** flex_block_mask: once a step, what each tile sees of each block of keys: nothing, a part, or all of it. */
export class FlexBlockMask {
  readonly #setters: Readonly<Record<string, (value: bigint | number) => void>>;

  constructor(
    private readonly plan: LaunchPlan,
    private readonly config: ResolvedConfig,
    private readonly program: Program,
  ) {
    plan.set({ group: config.numHeads / config.numKvHeads });
    const names = [
      "seq_lens",
      "query_start_loc",
      "program",
      "block_mask",
      "num_sequences",
      "tiles",
      "blocks",
    ];
    this.#setters = Object.fromEntries(names.map((name) => [name, plan.setter(name)]));
    plan.complete();
  }

  /** Puts the program on the device with every step of a batch, and evaluates its mask there. */
  derive(limits: Required<BatchLimits>, derive: (source: DerivedSource) => Derived): FlexMetadata {
    const { plan, config } = this;
    const shape = {
      planes: this.program.isMaskPerHead ? config.numKvHeads : 1,
      tiles: flexTiles(plan, limits.maxTokens, limits.maxSequences, config),
      blocks: Math.ceil(longestSequence(limits, config) / plan.row.tile.keys!),
    };
    const image = imageOf(this.program);
    const program = derive({
      bytes: image.length,
      check: () => this.program.check(),
      fill: (_, into) => {
        into.set(image);
        return image.length;
      },
    });
    const mask = derive({
      bytes: WORD_BYTES * shape.planes * shape.tiles * shape.blocks,
      enqueue: ({ shape: { sequences, tokens } }, pointer, stream, batch) => {
        if (tokens === 0) return;
        const values = {
          seq_lens: batch.seqLensPointer,
          query_start_loc: batch.queryStartLocPointer,
          program: program.pointer,
          block_mask: pointer,
          num_sequences: sequences,
          tiles: shape.tiles,
          blocks: shape.blocks,
        };
        for (const [name, value] of Object.entries(values)) this.#setters[name]!(value);
        plan.launch(stream, flexTiles(plan, tokens, sequences, config), shape.planes, PARTS);
      },
    });
    return { program, mask, shape };
  }
}
