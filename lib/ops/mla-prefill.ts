import type { Batch } from "../batch/batch.js";
import type { BatchLimits } from "../batch/step.js";
import type { ResolvedConfig } from "../config.js";
import type { Stream } from "../device/stream.js";
import type { ChosenKernels } from "../kernels/chosen.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import { bindMlaArguments } from "./mla-arguments.js";
import type { MlaCall } from "./mla-call.js";
import type { MlaPrefiller } from "./mla-prefiller.js";
import { type RequestLists, type Requests, requestLimits } from "./mla-requests.js";
import { regionsOf } from "./regions.js";

/** Elements of a head's key and value, and of a key's rotary part, which heads share. */
const KEY_AND_VALUE = 128 + 128;
const ROPE = 64;
const ITEM_BYTES = 2;

/** Fewer keys of a sequence at a time cost more in merging than they save in memory. */
const MIN_CHUNK_TOKENS = 256;
/** Of batch-invariant chunks: a fixed length, so that where a sequence is cut depends on itself alone. */
const INVARIANT_CHUNK_TOKENS = 256;

/** The keys [firstKey, firstKey + chunkTokens) of some prefills that follow each other. */
export interface Chunk {
  readonly firstPrefill: number;
  readonly prefills: number;
  readonly firstKey: number;
}

/** The prefills of a step, chunk after chunk. */
export interface MlaPrefillStep {
  /** Tokens of a chunk, of each sequence. */
  readonly chunkTokens: number;
  readonly chunks: readonly Chunk[];
  /** Query tokens of the longest prefill. */
  readonly queryTokens: number;
}

/** Where in the workspace keys and values [chunk tokens, heads, 256] lie, rotary keys [chunk tokens, 64] and LSEs that a call does not want. */
type Offsets = Readonly<Record<"context" | "rope" | "lse", bigint>>;

/**
 * mla_context_product and mla_prefill: makes keys and values of the cached latents, so many at a time as there is memory for, and
 * attends to them, merging the results by their LSEs.
 */
export class MlaPrefill implements MlaPrefiller<MlaPrefillStep, Offsets> {
  readonly #product;
  readonly #attend;
  readonly #config: ResolvedConfig;
  readonly #maxChunkTokens: number;

  constructor(kernels: ChosenKernels, config: ResolvedConfig) {
    const [product] = kernels.load("triton:mla_context_product");
    const [attend] = kernels.load("triton:mla_prefill");
    this.#config = config;
    this.#maxChunkTokens = config.mla!.maxChunkTokens;
    this.#product = bindChunk(product, config);
    product.complete();
    this.#attend = { ...bindChunk(attend, config), lse: attend.setter("lse") };
    attend.complete();
  }

  /** How the prefills of a step are cut; null: there are none. Pure. */
  plan({ prefillKeys, maxPrefillTokens }: Requests): MlaPrefillStep | null {
    if (prefillKeys.length === 0) return null;
    const chunkTokens = this.#chunkTokens(prefillKeys.length, Math.max(...prefillKeys));
    const together = Math.floor(this.#maxChunkTokens / chunkTokens);
    const chunks: Chunk[] = [];
    for (let firstPrefill = 0; firstPrefill < prefillKeys.length; firstPrefill += together) {
      const keys = prefillKeys.slice(firstPrefill, firstPrefill + together);
      const longest = Math.max(...keys);
      for (let firstKey = 0; firstKey < longest; firstKey += chunkTokens) {
        chunks.push({ firstPrefill, prefills: keys.length, firstKey });
      }
    }
    return { chunkTokens, chunks, queryTokens: maxPrefillTokens };
  }

  prepare(limits: Required<BatchLimits>) {
    const { prefills, maxKeys } = requestLimits(limits);
    const { numHeads } = this.#config;
    const tokens = Math.min(this.#maxChunkTokens, prefills * align(maxKeys));
    const { bytes, offsets } = regionsOf({
      context: tokens * numHeads * KEY_AND_VALUE * ITEM_BYTES,
      rope: tokens * ROPE * ITEM_BYTES,
      lse: 4 * limits.maxTokens * numHeads,
    });
    return { workspaceBytes: bytes, derived: offsets };
  }

  launch(
    call: MlaCall,
    batch: Batch,
    lists: RequestLists,
    { chunkTokens, chunks, queryTokens }: MlaPrefillStep,
    workspace: bigint,
    offsets: Offsets,
    stream: Stream,
  ): void {
    const { numHeads } = this.#config;
    const [product, attend] = [this.#product, this.#attend];
    for (const { bind, plan, ...set } of [product, attend]) {
      bind(call, batch, lists);
      set.context(workspace + offsets.context);
      set.rope(workspace + offsets.rope);
      set.chunkTokens(chunkTokens);
    }
    attend.lse(call.lse?.pointer ?? workspace + offsets.lse);
    const { rows, columns } = product.plan.row.tile;
    const tokenTiles = Math.ceil(queryTokens / attend.plan.row.tile.rows!);
    for (const { firstPrefill, prefills, firstKey } of chunks) {
      for (const set of [product, attend]) {
        set.firstPrefill(firstPrefill);
        set.firstKey(firstKey);
      }
      product.plan.launch(
        stream,
        KEY_AND_VALUE / columns!,
        numHeads,
        prefills * Math.ceil(chunkTokens / rows!),
      );
      attend.plan.launch(stream, numHeads, tokenTiles, prefills);
    }
  }

  /** Keys of a sequence that are taken together: as many as there is room for, if `prefills` sequences share it. */
  #chunkTokens(prefills: number, longest: number): number {
    const share = Math.floor(this.#maxChunkTokens / prefills / MIN_CHUNK_TOKENS) * MIN_CHUNK_TOKENS;
    const most = this.#config.batchInvariant ? INVARIANT_CHUNK_TOKENS : Math.max(MIN_CHUNK_TOKENS, share);
    return Math.min(most, align(longest));
  }
}

/** A chunk's tokens are multiples of a tile's. */
function align(tokens: number): number {
  return Math.ceil(tokens / 64) * 64;
}

function bindChunk(plan: LaunchPlan, config: ResolvedConfig) {
  return {
    plan,
    bind: bindMlaArguments(plan, config),
    context: plan.setter("context"),
    rope: plan.setter("context_rope"),
    firstPrefill: plan.setter("first_prefill"),
    firstKey: plan.setter("first_key"),
    chunkTokens: plan.setter("chunk_tokens"),
  };
}
