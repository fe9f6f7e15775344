import type { Batch } from "../attention/batch.js";
import type { ResolvedConfig } from "../config.js";
import type { Device } from "../device/device.js";
import type { ChosenKernels } from "../kernels/chosen.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import type { AttentionBackend, ForwardCall } from "./backend.js";
import { Scratch } from "./scratch.js";
import { mostSegments, planSplit } from "./split.js";

/** Rows (query tokens x heads of a KV head) from which a larger tile pays. */
const LARGE_TILE_ROWS = 32;

/**
 * TRITON_ATTN: unified attention in Triton. Sequences with more than one query token, and short decodes, run in the 2D
 * kernel; longer decodes are split over their keys (3D) and merged.
 */
export class TritonAttention implements AttentionBackend {
  readonly #config: ResolvedConfig;
  readonly #device: Device;
  readonly #group: number;
  readonly #write: CacheWrite;
  readonly #small: Unified;
  readonly #large: Unified;
  readonly #split: SplitDecode;

  constructor(device: Device, config: ResolvedConfig, kernels: ChosenKernels) {
    this.#device = device;
    this.#config = config;
    this.#group = config.numHeads / config.numKvHeads;
    const byRows = (rows: number) =>
      kernels.load("triton:unified_attention_2d").find((plan) => plan.row.tile.rows === rows)!;
    this.#write = new CacheWrite(kernels.load("triton:reshape_and_cache_flash")[0], config);
    this.#small = new Unified(byRows(16), config);
    this.#large = new Unified(byRows(64), config);
    const [attend] = kernels.load("triton:unified_attention_3d");
    this.#split = new SplitDecode(attend, kernels.load("triton:reduce_segments")[0], config);
  }

  forward(call: ForwardCall): void {
    const { shape } = call;
    if (shape.numTokens === 0) return;
    if (call.key !== null) this.#write.launch(call);
    const { batchInvariant } = this.#config;
    const split = planSplit({
      numSequences: shape.numSequences,
      numKvHeads: this.#config.numKvHeads,
      tilesPerSequence: this.#split.tilesPerSequence,
      maxLen: shape.maxDecodeLen,
      computeUnits: this.#device.info.computeUnits,
      tileKeys: this.#split.tileKeys,
      batchInvariant,
    });
    const captured = call.stream.capture !== null; // any step may follow: decodes and others each have their kernel
    const splits = shape.numDecodes > 0 && (batchInvariant || captured || split.maxSegments > 1);
    const others = shape.maxQueryLen > 1;
    if (splits) this.#split.launch(call, split.segmentTokens, split.maxSegments);
    if (splits && !others) return;
    const large = batchInvariant || shape.maxQueryLen * this.#group >= LARGE_TILE_ROWS;
    (large ? this.#large : this.#small).launch(call, splits ? 2 : 1);
  }

  dispose(): void {
    this.#split.dispose();
  }
}

/** Arguments that stay the same for an attention. The kernels compute in base 2. */
function constants(config: ResolvedConfig): Record<string, number> {
  const { numHeads, numKvHeads, headSize, blockSize, scale, logitsSoftCap, slidingWindow } = config;
  return {
    scale: logitsSoftCap === null ? scale * Math.LOG2E : scale,
    ...(logitsSoftCap === null ? {} : { soft_cap: logitsSoftCap }),
    ...(slidingWindow === null ? {} : { window: slidingWindow }),
    group: numHeads / numKvHeads,
    num_heads: numHeads,
    block_size: blockSize,
    row_elements: numKvHeads * headSize,
  };
}

type Setters = ReturnType<typeof setters>;

/** The setters of everything that may change from call to call. A kernel that lacks an argument ignores its setter. */
function setters(plan: LaunchPlan) {
  const number = (name: string) => plan.number(name);
  const pointer = (name: string) => plan.pointer(name);
  return {
    query: pointer("query"),
    key: pointer("key"),
    value: pointer("value"),
    output: pointer("output"),
    keyCache: pointer("key_cache"),
    valueCache: pointer("value_cache"),
    lse: pointer("lse"),
    writeLse: number("write_lse"),
    blockTable: pointer("block_table"),
    seqLens: pointer("seq_lens"),
    queryStartLoc: pointer("query_start_loc"),
    queryToken: number("stride_query_token"),
    queryHead: number("stride_query_head"),
    outputToken: number("stride_output_token"),
    outputHead: number("stride_output_head"),
    table: number("stride_table"),
    block: number("stride_block"),
    slot: number("stride_slot"),
    head: number("stride_head"),
  };
}

function setCall(set: Setters, { query, output, lse, batch, cache }: ForwardCall): void {
  set.query(query.pointer);
  set.queryToken(query.strides[0]!);
  set.queryHead(query.strides[1]!);
  set.output(output.pointer);
  set.outputToken(output.strides[0]!);
  set.outputHead(output.strides[1]!);
  set.lse(lse === null ? 0n : lse.pointer);
  set.writeLse(lse === null ? 0 : 1);
  set.blockTable(batch.blockTablePointer);
  set.seqLens(batch.seqLensPointer);
  set.queryStartLoc(batch.queryStartLocPointer);
  set.table(batch.maxBlocksPerSequence);
  setCache(set, cache);
  set.keyCache(cache.keyPointer);
  set.valueCache(cache.valuePointer);
}

function setCache(set: Pick<Setters, "block" | "slot" | "head">, { strides }: ForwardCall["cache"]): void {
  set.block(strides.block);
  set.slot(strides.slot);
  set.head(strides.head);
}

/** reshape_and_cache_flash. */
class CacheWrite {
  readonly #plan: LaunchPlan;
  readonly #set;

  constructor(plan: LaunchPlan, config: ResolvedConfig) {
    this.#plan = plan.set(constants(config));
    this.#set = {
      ...setters(plan),
      slotMapping: plan.pointer("slot_mapping"),
      keyToken: plan.number("stride_key_token"),
      keyHead: plan.number("stride_key_head"),
      valueToken: plan.number("stride_value_token"),
      valueHead: plan.number("stride_value_head"),
    };
    plan.complete();
  }

  launch({ key, value, cache, batch, shape, stream }: ForwardCall): void {
    const set = this.#set;
    set.key(key!.pointer);
    set.value(value!.pointer);
    set.keyToken(key!.strides[0]!);
    set.keyHead(key!.strides[1]!);
    set.valueToken(value!.strides[0]!);
    set.valueHead(value!.strides[1]!);
    set.keyCache(cache.keyPointer);
    set.valueCache(cache.valuePointer);
    set.slotMapping(batch.slotMappingPointer);
    setCache(set, cache);
    this.#plan.launch(stream, shape.numTokens);
  }
}

/** unified_attention_2d. */
class Unified {
  readonly #plan: LaunchPlan;
  readonly #set;
  readonly #numKvHeads: number;
  readonly #group: number;

  constructor(plan: LaunchPlan, config: ResolvedConfig) {
    this.#plan = plan.set(constants(config));
    this.#numKvHeads = config.numKvHeads;
    this.#group = config.numHeads / config.numKvHeads;
    this.#set = {
      ...setters(plan),
      minQueryLen: plan.number("min_query_len"),
      numSequences: plan.number("num_sequences"),
    };
    plan.complete();
  }

  /** Sequences with fewer than `minQueryLen` query tokens are left out. */
  launch(call: ForwardCall, minQueryLen: number): void {
    const { numSequences, numTokens } = call.shape;
    setCall(this.#set, call);
    this.#set.minQueryLen(minQueryLen);
    this.#set.numSequences(numSequences);
    const tiles = Math.floor((numTokens * this.#group) / this.#plan.row.tile.rows!) + numSequences;
    this.#plan.launch(call.stream, this.#numKvHeads, tiles);
  }
}

/** unified_attention_3d and reduce_segments, with the scratch between them. */
class SplitDecode {
  readonly #attend: LaunchPlan;
  readonly #reduce: LaunchPlan;
  readonly #setAttend;
  readonly #setReduce;
  readonly #config: ResolvedConfig;
  readonly tilesPerSequence: number;
  readonly #scratch = new Scratch();

  constructor(attend: LaunchPlan, reduce: LaunchPlan, config: ResolvedConfig) {
    this.#attend = attend.set(constants(config));
    this.#reduce = reduce.set(constants(config));
    this.#config = config;
    this.tilesPerSequence = Math.ceil(config.numHeads / config.numKvHeads / attend.row.tile.rows!);
    const parts = (plan: LaunchPlan) => ({
      ...setters(plan),
      partial: plan.pointer("partial"),
      partialMax: plan.pointer("partial_max"),
      partialSum: plan.pointer("partial_sum"),
      segmentTokens: plan.number("segment_tokens"),
      maxSegments: plan.number("max_segments"),
    });
    this.#setAttend = parts(attend);
    this.#setReduce = parts(reduce);
    attend.complete();
    reduce.complete();
  }

  get tileKeys(): number {
    return this.#attend.row.tile.keys!;
  }

  launch(call: ForwardCall, segmentTokens: number, maxSegments: number): void {
    const { numHeads, numKvHeads, headSize } = this.#config;
    const { numSequences } = call.shape;
    const scratch = this.#scratch.get(call.batch, call.stream, () => this.#scratchElements(call.batch));
    const parts = numSequences * numHeads * maxSegments;
    const max = scratch + BigInt(4 * parts * headSize);
    const sum = max + BigInt(16 * Math.ceil(parts / 4)); // the kernels count on 16-byte alignment
    for (const set of [this.#setAttend, this.#setReduce]) {
      setCall(set, call);
      set.partial(scratch);
      set.partialMax(max);
      set.partialSum(sum);
      set.segmentTokens(segmentTokens);
      set.maxSegments(maxSegments);
    }
    this.#attend.launch(call.stream, numKvHeads, numSequences * this.tilesPerSequence, maxSegments);
    this.#reduce.launch(call.stream, numSequences, numHeads);
  }

  /** float32 elements of scratch for every step that the batch admits. */
  #scratchElements(batch: Batch): number {
    const { numHeads, numKvHeads, headSize, batchInvariant } = this.#config;
    const rule = {
      numKvHeads,
      tilesPerSequence: this.tilesPerSequence,
      computeUnits: batch.device.info.computeUnits,
      tileKeys: this.tileKeys,
      batchInvariant,
    };
    const segments = mostSegments(rule, batch.maxSequences, batch.maxSequenceLength);
    return segments * numHeads * (headSize + 2) + 4;
  }

  dispose(): void {
    this.#scratch.dispose();
  }
}
