import type { Batch, Derived, DerivedSource } from "../batch/batch.js";
import type { BatchLimits, StepShape } from "../batch/step.js";
import { type ResolvedConfig, storesFloat8 } from "../config.js";
import type { Stream } from "../device/stream.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import { mostSplitTokens, queryTiles, type UnifiedRule, unifiedRule } from "./aiter-unified-rule.js";
import { deriveAlibiSlopes } from "./alibi-slopes.js";
import { bindArguments } from "./arguments.js";
import type { AttentionCall } from "./call.js";
import { deriveBytes } from "./derive-bytes.js";
import { type BlockTable, checkBlocks, deriveBlockTable } from "./expanded-block-table.js";
import { writeNumber } from "./write-number.js";

/** Tokens of the blocks that the kernels are made for. */
const BLOCK_TOKENS = 16;

/** The scales of an fp8 cache come first in the workspace. */
const SCALE_BYTES = 16n;

/** A step as one launch, or as one over segments of the keys and one that merges them. */
export interface AiterUnifiedStep {
  readonly sequences: number;
  readonly tokens: number;
  readonly rule: UnifiedRule;
}

/** What the kernels find in memory beside the batch: block table, slopes, sinks that do nothing, the number 1. */
export interface AiterUnifiedMetadata {
  readonly blockTable: BlockTable;
  readonly alibiSlopes: Derived | null;
  readonly noSinks: Derived;
  readonly one: Derived;
}

/** The kernels that split over the keys, and one that merges for each number of segments. */
export interface AiterSplitPlans {
  readonly attend: LaunchPlan;
  readonly reductions: readonly LaunchPlan[];
}

/**
 * AITER's unified attention in Triton (unified_attention_2d; unified_attention_3d and reduce_segments), launched by its rules:
 * every step whole in one launch, or split over the keys in two. A step that may be any is never split: merging writes the
 * rows of all tokens that it is launched for.
 */
export class AiterUnifiedAttention {
  readonly #config: ResolvedConfig;
  readonly #computeUnits: number;
  readonly #queriesPerKv: number;
  readonly #tiles;
  readonly #split;
  readonly #reductions;

  /** `wholes`: the same kernel in different tiles. `split`: null where there is none for the configuration. */
  constructor(
    wholes: readonly LaunchPlan[],
    split: AiterSplitPlans | null,
    config: ResolvedConfig,
    computeUnits: number,
  ) {
    this.#config = config;
    this.#computeUnits = computeUnits;
    this.#queriesPerKv = config.numHeads / config.numKvHeads;
    this.#tiles = wholes.map((plan) => this.#bind(plan)).sort((one, other) => one.rows - other.rows);
    this.#split = split === null ? null : this.#bind(split.attend);
    this.#reductions = new Map(
      split?.reductions.map((plan) => [plan.row.tile.segments!, this.#bind(plan)] as const),
    );
  }

  prepare(
    limits: Required<BatchLimits>,
    derive: (source: DerivedSource) => Derived,
  ): { workspaceBytes: number; derived: AiterUnifiedMetadata } {
    const { numHeads, headSize, dtype } = this.#config;
    const pairs = this.#split === null ? 0 : mostSplitTokens(limits.maxTokens, this.#rule());
    const noSinks = new Uint16Array(numHeads).fill(dtype === "float16" ? 0xfc00 : 0xff80); // -inf
    return {
      workspaceBytes: Number(SCALE_BYTES) + 4 * pairs * numHeads * (headSize + 2),
      derived: {
        blockTable: deriveBlockTable(limits, BLOCK_TOKENS, derive),
        alibiSlopes: deriveAlibiSlopes(this.#config, derive),
        noSinks: deriveBytes(new Uint8Array(noSinks.buffer), derive),
        one: deriveBytes(new Uint8Array(Float32Array.of(1).buffer), derive),
      },
    };
  }

  /** How a step runs; `isAny`: as it may be any step of this size. Pure. */
  plan({ sequences, tokens, maxQueryLen, maxSeqLen }: StepShape, isAny: boolean): AiterUnifiedStep {
    const rule = unifiedRule({ ...this.#rule(), sequences, tokens, maxQueryLen, maxSeqLen });
    if ("rows" in rule || (this.#split !== null && !isAny)) return { sequences, tokens, rule };
    return {
      sequences,
      tokens,
      rule: unifiedRule({ ...this.#rule(), hasWindow: true, sequences, tokens, maxQueryLen, maxSeqLen }),
    };
  }

  /** Throws where the kernels cannot address a call's cache. */
  check({ cache }: AttentionCall, { blockTable }: AiterUnifiedMetadata): void {
    for (const name of ["key", "value"] as const) checkBlocks(cache!.part(name), blockTable, name);
  }

  launch(
    call: AttentionCall,
    batch: Batch,
    { sequences, tokens, rule }: AiterUnifiedStep,
    metadata: AiterUnifiedMetadata,
    workspace: bigint,
    stream: Stream,
  ): void {
    const { numHeads, numKvHeads } = this.#config;
    const scales = this.#scales(call, metadata, workspace, stream);
    if ("rows" in rule) {
      const tile = this.#tiles.find(({ rows }) => rows >= rule.rows) ?? this.#tiles.at(-1)!;
      tile.set(call, batch, metadata, scales, sequences);
      tile.plan.launch(stream, numKvHeads, queryTiles(tile.rows, this.#queriesPerKv, tokens, sequences));
      return;
    }
    const attend = this.#split!;
    const reduce = this.#reductions.get(rule.segments)!;
    for (const kernel of [attend, reduce]) {
      kernel.set(call, batch, metadata, scales, sequences);
      kernel.setPartials(workspace + SCALE_BYTES, tokens, rule.segments, attend.keys);
    }
    const tiles = queryTiles(attend.rows, this.#queriesPerKv, tokens, sequences);
    attend.plan.launch(stream, tiles, numKvHeads, rule.segments);
    reduce.plan.launch(stream, tokens, numHeads);
  }

  /** Where the scales of an fp8 cache are: the kernels read them from memory. */
  #scales(
    { kScale, vScale }: AttentionCall,
    { one }: AiterUnifiedMetadata,
    workspace: bigint,
    stream: Stream,
  ): readonly bigint[] {
    if (!storesFloat8(this.#config.kvCacheDtype)) return [];
    return [kScale, vScale].map((scale, index) => {
      if (scale === null) return one.pointer;
      if (typeof scale !== "number") return scale.pointer;
      const place = workspace + BigInt(4 * index);
      writeNumber(stream, place, scale);
      return place;
    });
  }

  #rule() {
    return {
      numKvHeads: this.#config.numKvHeads,
      queriesPerKv: this.#queriesPerKv,
      hasWindow: this.#config.slidingWindow !== null,
      computeUnits: this.#computeUnits,
    };
  }

  #bind(plan: LaunchPlan) {
    const { numHeads, headSize } = this.#config;
    const bind = bindArguments(plan, this.#config);
    const setter = (name: string) => (plan.argumentNames.includes(name) ? plan.setter(name) : null);
    const { rows = 0, keys = 0 } = plan.row.tile;
    setter("tile_queries")?.(Math.floor(rows / this.#queriesPerKv));
    const numSequences = plan.setter("num_sequences");
    const [blockTable, stride, sinks] = ["block_table", "stride_table", "sinks"].map(setter);
    const [keyBlock, valueBlock] = ["stride_block", "stride_value_block"].map(setter);
    const [keyScale, valueScale] = ["key_scale_tensor", "value_scale_tensor"].map(setter);
    const [partial, max, sum] = ["partial", "partial_max", "partial_sum"].map(setter);
    const [segments, tileKeys] = ["max_segments", "tile_keys"].map(setter);
    plan.complete();
    return {
      plan,
      rows,
      keys,
      set(
        call: AttentionCall,
        batch: Batch,
        metadata: AiterUnifiedMetadata,
        scales: readonly bigint[],
        sequences: number,
      ): void {
        bind(call, batch, metadata.alibiSlopes?.pointer);
        numSequences(sequences);
        blockTable?.(metadata.blockTable.pointer(batch));
        stride?.(metadata.blockTable.stride);
        keyBlock?.(metadata.blockTable.blockStride(call.cache!.part("key")));
        valueBlock?.(metadata.blockTable.blockStride(call.cache!.part("value")));
        if (call.sinks === null) sinks?.(metadata.noSinks.pointer);
        if (scales.length > 0) {
          keyScale?.(scales[0]!);
          valueScale?.(scales[1]!);
        }
      },
      setPartials(workspace: bigint, tokens: number, count: number, keys: number): void {
        const parts = tokens * numHeads * count;
        const maxima = workspace + BigInt(4 * parts * headSize);
        partial!(workspace);
        max!(maxima);
        sum!(maxima + BigInt(4 * parts));
        segments?.(count);
        tileKeys?.(keys);
      },
    };
  }
}
