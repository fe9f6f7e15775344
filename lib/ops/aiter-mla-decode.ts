import type { Batch, Derived, DerivedSource } from "../batch/batch.js";
import type { BatchLimits } from "../batch/step.js";
import { type ResolvedConfig, storesFloat8 } from "../config.js";
import type { Stream } from "../device/stream.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import { checkReach } from "./aiter-mla-cache.js";
import { derivePages, type Grouping, type Pages } from "./aiter-mla-pages.js";
import { aiterMlaSplits, MAX_SPLITS } from "./aiter-mla-splits.js";
import { bindMlaArguments } from "./mla-arguments.js";
import type { MlaCall } from "./mla-call.js";
import type { LatentQuery, LatentSpace, MlaDecoder } from "./mla-decoder.js";
import { type RequestLists, type Requests, requestLimits } from "./mla-requests.js";

/** Elements of a latent, and of a cached token. */
const [RANK, WIDTH] = [512, 576] as const;

/** The decodes of a step. */
export interface AiterMlaStep {
  readonly tokens: number;
  readonly requests: number;
  readonly splits: number;
  /** Query tokens of a request at most. */
  readonly queryTokens: number;
}

/**
 * mla_decode of AITER and mla_merge_splits: query tokens attend to a list of pages of one token. Up to 16 heads, padded to them, make
 * a request of a sequence's tokens. Of more heads every token is a request of its own, or one for each 16 heads: the kernels for
 * several tokens mask causally by what they take for a token.
 */
export class AiterMlaDecode implements MlaDecoder<AiterMlaStep, Pages> {
  readonly query: LatentQuery;
  /** The largest cache that the kernels reach. */
  readonly maxPartBytes: number;
  /** By query tokens of a request, the least first. */
  readonly #tiles;
  readonly #begin;
  readonly #merge;
  readonly #numHeads: number;
  /** Heads of a request, and requests of a token. */
  readonly #requestHeads: number;
  readonly #perToken: number;
  readonly #grouping: Grouping;

  constructor(
    attend: readonly LaunchPlan[],
    begin: LaunchPlan,
    merge: LaunchPlan,
    private readonly expand: LaunchPlan,
    config: ResolvedConfig,
    private readonly computeUnits: number,
  ) {
    const { numHeads, scale, kvCacheDtype } = config;
    this.#numHeads = numHeads;
    this.#requestHeads = attend[0]!.row.tile.heads!;
    this.#perToken = Math.ceil(numHeads / this.#requestHeads);
    this.#grouping = attend.length > 1 ? "sequences" : { perToken: this.#perToken };
    this.maxPartBytes = attend[0]!.row.serves.maxPartBytes!;
    this.query = { heads: this.#perToken * this.#requestHeads, width: WIDTH };
    // Of a token of the cache and of a head's query, which is in fp8 where the cache is.
    const stride = WIDTH * (storesFloat8(kvCacheDtype) ? 1 : 2);
    this.#tiles = attend.map((plan) => {
      plan.set({
        softmax_scale: scale,
        request_heads: this.#requestHeads * plan.row.tile.tokens!,
        stride_request_bytes: this.#requestHeads * stride,
        stride_page_bytes: stride,
        log2_page_tokens: 0,
      });
      return {
        ...bindParts(plan, config),
        queryLatent: plan.setter("query_latent"),
        ...pageSetters(plan),
        queryTokens: plan.row.tile.tokens!,
      };
    });
    this.#tiles.sort((one, other) => one.queryTokens - other.queryTokens);
    merge.set({ request_heads: this.#requestHeads, requests_per_token: this.#perToken });
    this.#merge = { ...bindParts(merge, config), latentOutput: merge.setter("latent_output") };
    this.#begin = {
      plan: begin,
      bind: bindMlaArguments(begin, config),
      partialLse: begin.setter("partial_lse"),
      count: begin.setter("count"),
    };
    for (const plan of [...attend, begin, merge]) plan.complete();
  }

  plan({ decodes, decodeTokens, decodeKeys, queryTokens }: Requests): AiterMlaStep | null {
    if (decodes === 0) return null;
    const bySequence = this.#grouping === "sequences";
    const requests = bySequence ? decodes : decodeTokens * this.#perToken;
    const ofRequest = bySequence ? queryTokens : 1;
    const splits = aiterMlaSplits(requests, decodeKeys / decodeTokens, this.computeUnits);
    // Kernels of more than 16 rows write no LSE where there is but one split.
    const isSmall = ofRequest === 1 && this.#requestHeads === 16;
    return {
      tokens: decodeTokens,
      requests,
      splits: isSmall ? splits : Math.max(2, splits),
      queryTokens: ofRequest,
    };
  }

  workspaceBytes(limits: Required<BatchLimits>): number {
    const { decodeTokens, queryTokens } = requestLimits(limits);
    const most = decodeTokens * this.#perToken;
    // Requests that leave compute units idle are split until these are at work.
    const idle = 2 * this.computeUnits * (this.#grouping === "sequences" ? queryTokens : 1);
    const parts = Math.max(2 * most, Math.min(most * MAX_SPLITS, idle));
    return parts * this.#requestHeads * 4 * (RANK + 1);
  }

  prepare(limits: Required<BatchLimits>, derive: (source: DerivedSource) => Derived): Pages {
    return derivePages(limits, this.#grouping, this.expand, derive);
  }

  queryFor({ cache }: MlaCall): LatentQuery {
    checkReach(cache, this.maxPartBytes);
    return this.query;
  }

  launch(
    call: MlaCall,
    batch: Batch,
    lists: RequestLists,
    { tokens, requests, splits, queryTokens }: AiterMlaStep,
    space: LatentSpace,
    pages: Pages,
    stream: Stream,
  ): void {
    const rows = tokens * this.#perToken * splits * this.#requestHeads;
    const lse = space.partials + BigInt(4 * rows * RANK);
    const begin = this.#begin;
    begin.bind(call, batch, lists);
    begin.partialLse(lse);
    begin.count(rows);
    begin.plan.launch(stream, Math.ceil(rows / begin.plan.row.tile.rows!));
    const attend = this.#tiles.find((tile) => tile.queryTokens >= queryTokens)!;
    for (const part of [attend, this.#merge]) {
      part.bind(call, batch, lists);
      part.partial(space.partials);
      part.partialLse(lse);
      part.splits(splits);
    }
    attend.queryLatent(space.query);
    attend.starts(pages.starts);
    attend.list(pages.list);
    attend.lastLengths(pages.lastLengths);
    attend.requestStarts?.(pages.requestStarts);
    attend.plan.launch(stream, 1, requests, splits);
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
  const optional = (name: string) => (plan.argumentNames.includes(name) ? plan.setter(name) : undefined);
  return {
    starts: plan.setter("page_starts"),
    list: plan.setter("pages"),
    lastLengths: plan.setter("last_page_lens"),
    requestStarts: optional("request_starts"),
  };
}
