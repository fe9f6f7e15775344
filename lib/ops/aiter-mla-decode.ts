import type { Batch, Derived, DerivedSource } from "../batch/batch.js";
import type { BatchLimits } from "../batch/step.js";
import type { ResolvedConfig } from "../config.js";
import type { Stream } from "../device/stream.js";
import { RocmAttentionError } from "../errors.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import { derivePages, type Pages } from "./aiter-mla-pages.js";
import { aiterMlaSplits, MAX_SPLITS } from "./aiter-mla-splits.js";
import { bindMlaArguments } from "./mla-arguments.js";
import type { MlaCall } from "./mla-call.js";
import type { LatentQuery, LatentSpace, MlaDecoder } from "./mla-decoder.js";
import { type RequestLists, type Requests, requestLimits } from "./mla-requests.js";

/** Elements of a latent, and of a cached token. */
const [RANK, WIDTH] = [512, 576] as const;
const ITEM_BYTES = 2;

/** The decodes of a step: each token is a request, or several of 16 heads. */
export interface AiterMlaStep {
  readonly tokens: number;
  readonly requests: number;
  readonly splits: number;
}

/**
 * mla_decode of AITER and mla_merge_splits: one query token of 16 or 128 heads attends to a list of pages of one token. Every
 * query token is a request of its own, since AITER's kernels for several tokens mask causally by what they take for heads.
 */
export class AiterMlaDecode implements MlaDecoder<AiterMlaStep, Pages> {
  readonly query: LatentQuery;
  readonly #attend;
  readonly #begin;
  readonly #merge;
  readonly #numHeads: number;
  /** Heads of a request, and requests of a token. */
  readonly #requestHeads: number;
  readonly #perToken: number;

  constructor(
    attend: LaunchPlan,
    begin: LaunchPlan,
    merge: LaunchPlan,
    private readonly expand: LaunchPlan,
    config: ResolvedConfig,
    private readonly computeUnits: number,
  ) {
    const { numHeads, scale } = config;
    this.#numHeads = numHeads;
    this.#requestHeads = attend.row.tile.heads!;
    this.#perToken = Math.ceil(numHeads / this.#requestHeads);
    this.query = { heads: this.#perToken * this.#requestHeads, width: WIDTH };
    const stride = WIDTH * ITEM_BYTES;
    attend.set({
      softmax_scale: scale,
      request_heads: this.#requestHeads,
      stride_request_bytes: this.#requestHeads * stride,
      stride_page_bytes: stride,
      log2_page_tokens: 0,
    });
    merge.set({ request_heads: this.#requestHeads, requests_per_token: this.#perToken });
    this.#attend = {
      ...bindParts(attend, config),
      queryLatent: attend.setter("query_latent"),
      ...pageSetters(attend),
    };
    this.#merge = {
      ...bindParts(merge, config),
      latentOutput: merge.setter("latent_output"),
    };
    this.#begin = {
      plan: begin,
      bind: bindMlaArguments(begin, config),
      partialLse: begin.setter("partial_lse"),
      count: begin.setter("count"),
    };
    for (const plan of [attend, begin, merge]) plan.complete();
  }

  plan({ decodes, decodeTokens, decodeKeys }: Requests): AiterMlaStep | null {
    if (decodes === 0) return null;
    const requests = decodeTokens * this.#perToken;
    return { tokens: decodeTokens, requests, splits: this.#splits(requests, decodeKeys / decodeTokens) };
  }

  /** The kernel of 128 heads writes no LSE where there is but one split. */
  #splits(requests: number, keys: number): number {
    const splits = aiterMlaSplits(requests, keys, this.computeUnits);
    return this.#requestHeads === 128 ? Math.max(2, splits) : splits;
  }

  workspaceBytes(limits: Required<BatchLimits>): number {
    const most = requestLimits(limits).decodeTokens * this.#perToken;
    // Requests that leave compute units idle are split until these are at work.
    const parts = Math.max(2 * most, Math.min(most * MAX_SPLITS, 2 * this.computeUnits));
    return parts * this.#requestHeads * 4 * (RANK + 1);
  }

  prepare(limits: Required<BatchLimits>, derive: (source: DerivedSource) => Derived): Pages {
    return derivePages(limits, this.#perToken, this.expand, derive);
  }

  check({ cache }: MlaCall): void {
    const { blockStride, strides } = cache.part("latent");
    const { blockSize, bytesPerBlock } = cache.layout;
    const reach = this.#attend.plan.row.serves.maxPartBytes!;
    if (cache.maxPartBytes > reach) {
      throw new RocmAttentionError(
        "ERR_BACKEND_UNSUPPORTED",
        `ROCM_AITER_MLA's kernels reach ${Math.floor(reach / bytesPerBlock)} blocks of this cache, not ${cache.numBlocks}: TRITON_MLA has no such limit`,
        { argument: "cache" },
      );
    }
    if (blockStride === blockSize * strides[0]!) return;
    throw new RocmAttentionError(
      "ERR_BACKEND_UNSUPPORTED",
      `ROCM_AITER_MLA takes caches whose blocks follow each other without gaps, not ${blockStride} elements apart`,
      { argument: "cache" },
    );
  }

  launch(
    call: MlaCall,
    batch: Batch,
    lists: RequestLists,
    { tokens, requests, splits }: AiterMlaStep,
    space: LatentSpace,
    pages: Pages,
    stream: Stream,
  ): void {
    const rows = requests * splits * this.#requestHeads;
    const lse = space.partials + BigInt(4 * rows * RANK);
    this.#begin.bind(call, batch, lists);
    this.#begin.partialLse(lse);
    this.#begin.count(rows);
    this.#begin.plan.launch(stream, Math.ceil(rows / this.#begin.plan.row.tile.rows!));
    for (const part of [this.#attend, this.#merge]) {
      part.bind(call, batch, lists);
      part.partial(space.partials);
      part.partialLse(lse);
      part.splits(splits);
    }
    const { plan, queryLatent, starts, list, lastLengths, requestStarts } = this.#attend;
    queryLatent(space.query);
    starts(pages.starts);
    list(pages.list);
    lastLengths(pages.lastLengths);
    requestStarts?.(pages.requestStarts);
    plan.launch(stream, 1, requests, splits);
    this.#merge.latentOutput(space.output);
    this.#merge.plan.launch(stream, tokens, this.#numHeads);
  }
}

function bindParts(plan: LaunchPlan, config: ResolvedConfig) {
  const bind = bindMlaArguments(plan, config);
  const [partial, partialLse, splits] = ["partial", "partial_lse", "splits"].map((name) => plan.setter(name));
  return { plan, bind, partial: partial!, partialLse: partialLse!, splits: splits! };
}

function pageSetters(plan: LaunchPlan) {
  return {
    starts: plan.setter("page_starts"),
    list: plan.setter("pages"),
    lastLengths: plan.setter("last_page_lens"),
    requestStarts: plan.argumentNames.includes("request_starts") ? plan.setter("request_starts") : undefined,
  };
}
