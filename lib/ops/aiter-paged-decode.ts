import type { Batch } from "../batch/batch.js";
import type { StepView } from "../batch/step.js";
import type { ResolvedConfig } from "../config.js";
import type { Stream } from "../device/stream.js";
import { itemSize } from "../dtype.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import { bindArguments, bindSources } from "./arguments.js";
import type { AttentionCall } from "./call.js";
import { MAX_DECODE_TOKENS } from "./decodes.js";

const ITEM_BYTES = 2;
/** Block ids and strides, in bytes, are multiplied in 24 bits. */
const MOST_IN_24_BITS = 2 ** 24;

/** The decodes of a step that stand side by side, each of at least one query token. */
export interface DecodeRun {
  readonly first: number;
  readonly sequences: number;
  /** The row of the first one's query. */
  readonly firstToken: number;
  /** Of a sequence at most. */
  readonly queryTokens: number;
}

/**
 * The keys of sequences whose unused slots the kernels take for keys: by their blocks these have a whole 256, which is not masked.
 */
const UNMASKED = { from: 241, to: 255 } as const;

/** The decodes of a step; null: there are none, others stand between them, or the kernels are wrong for one of them. Pure. */
export function decodeRun({ shape, queryStartLoc, seqLens }: StepView): DecodeRun | null {
  let [first, end, queryTokens] = [0, 0, 0];
  for (let s = 0; s < shape.sequences; s++) {
    const length = queryStartLoc[s + 1]! - queryStartLoc[s]!;
    if (length < 1 || length > MAX_DECODE_TOKENS) continue;
    if (queryTokens === 0) first = s;
    else if (end !== s) return null;
    if (seqLens[s]! >= UNMASKED.from && seqLens[s]! <= UNMASKED.to) return null;
    end = s + 1;
    queryTokens = Math.max(queryTokens, length);
  }
  if (queryTokens === 0) return null;
  return { first, sequences: end - first, firstToken: queryStartLoc[first]!, queryTokens };
}

const SOURCES: Readonly<Record<string, (call: AttentionCall) => number | bigint>> = {
  stride_query_token_bytes: ({ query }) => ITEM_BYTES * query.strides[0]!,
  stride_block_bytes: ({ cache }) => itemSize(cache!.layout.dtype) * cache!.part("key").blockStride,
  stride_head_bytes: ({ cache }) => itemSize(cache!.layout.dtype) * cache!.part("key").strides[0]!,
};

/**
 * paged_decode of AITER: decodes that stand side by side, over a cache of layout "shuffled". A sequence is not split, so it
 * is for batches that fill the device by themselves.
 */
export class AiterPagedDecode {
  readonly #bind;
  readonly #bindBytes;
  readonly #set;
  readonly #isByStarts: boolean;

  constructor(
    private readonly plan: LaunchPlan,
    private readonly config: ResolvedConfig,
  ) {
    this.#bind = bindArguments(plan, config);
    this.#bindBytes = bindSources(plan, SOURCES);
    const setter = (name: string) => plan.setter(name);
    this.#isByStarts = this.mostTokens > 1;
    this.#set = {
      query: setter("query"),
      output: setter("output"),
      blockTable: setter("block_table"),
      seqLens: setter("seq_lens"),
      queryStartLoc: plan.argumentNames.includes("query_start_loc") ? setter("query_start_loc") : null,
    };
    plan.complete();
  }

  /** Query tokens of a sequence at most. */
  get mostTokens(): number {
    return this.plan.row.tile.tokens!;
  }

  /**
   * Whether the kernel serves a call: its cache has been finite from the beginning, since unused slots are multiplied by 0,
   * all of its blocks are addressed, and rows lie as they must.
   */
  takes({ query, output, lse, cache }: AttentionCall): boolean {
    const { numHeads, headSize } = this.config;
    const { maxPartBytes } = this.plan.row.serves;
    const isDense = (stride: number) => stride === headSize;
    return (
      lse === null &&
      cache!.isCleared &&
      cache!.maxPartBytes <= maxPartBytes! &&
      cache!.numBlocks <= MOST_IN_24_BITS &&
      itemSize(cache!.layout.dtype) * cache!.part("key").blockStride < MOST_IN_24_BITS &&
      cache!.part("key").blockStride === cache!.part("value").blockStride &&
      isDense(query.strides[1]!) &&
      isDense(output.strides[1]!) &&
      output.strides[0] === numHeads * headSize
    );
  }

  launch(
    call: AttentionCall,
    batch: Batch,
    { first, sequences, firstToken }: DecodeRun,
    stream: Stream,
  ): void {
    const set = this.#set;
    this.#bind(call, batch);
    this.#bindBytes(call, batch, undefined);
    const entries = (count: number) => BigInt(4 * count);
    set.blockTable(batch.blockTablePointer + entries(first * batch.limits.maxBlocksPerSequence));
    set.seqLens(batch.seqLensPointer + entries(first));
    set.queryStartLoc?.(batch.queryStartLocPointer + entries(first));
    // By the starts rows are found from the first of all, else from that of the first sequence.
    const row = this.#isByStarts ? 0 : firstToken;
    set.query(call.query.pointer + BigInt(ITEM_BYTES * row * call.query.strides[0]!));
    set.output(call.output.pointer + BigInt(ITEM_BYTES * row * call.output.strides[0]!));
    this.plan.launch(stream, this.config.numKvHeads, sequences);
  }
}
