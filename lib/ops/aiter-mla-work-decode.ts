import type { Batch, Derived, DerivedSource } from "../batch/batch.js";
import type { BatchLimits } from "../batch/step.js";
import { type ResolvedConfig, storesFloat8 } from "../config.js";
import type { Stream } from "../device/stream.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import { checkReach } from "./aiter-mla-cache.js";
import { derivePages, type Pages } from "./aiter-mla-pages.js";
import { deriveWork, type WorkLists, type WorkRule, workLimits } from "./aiter-mla-work-lists.js";
import { bindMlaArguments } from "./mla-arguments.js";
import type { MlaCall } from "./mla-call.js";
import type { LatentQuery, LatentSpace, MlaDecoder } from "./mla-decoder.js";
import type { RequestLists, Requests } from "./mla-requests.js";

/** Elements of a latent, and of a cached token. */
const [RANK, WIDTH] = [512, 576] as const;
const ITEM_BYTES = 2;
/** For the addresses of the lists of work, and the cache's scale: 16 bytes each. */
const FACTS_BYTES = 32;

/** The decodes of a step; how they are divided is derived from it. */
export interface AiterMlaWorkStep {
  readonly tokens: number;
}

/** The lists of pages and of work, and the most parts of a step. */
export interface AiterMlaWorkMetadata {
  readonly pages: Pages;
  readonly work: WorkLists;
  readonly parts: number;
}

/**
 * mla_decode_work of AITER and mla_merge_work: as many workgroups as there are compute units attend to the cache for parts of
 * requests that a list gives them. Up to 16 heads, padded to them, make requests of four of a sequence's tokens at most; of more
 * heads each 16 of a token are one.
 */
export class AiterMlaWorkDecode implements MlaDecoder<AiterMlaWorkStep, AiterMlaWorkMetadata> {
  readonly query: LatentQuery;
  /** The largest cache that the kernels reach. */
  readonly maxPartBytes: number;
  /** The most tokens of a sequence that read its keys together. */
  readonly requestTokens: number;
  readonly #attend;
  readonly #begin;
  readonly #merge;
  readonly #numHeads: number;
  readonly #requestHeads: number;
  readonly #rule: WorkRule;

  constructor(
    attend: LaunchPlan,
    begin: LaunchPlan,
    merge: LaunchPlan,
    private readonly expand: LaunchPlan,
    config: ResolvedConfig,
    computeUnits: number,
  ) {
    const { numHeads, scale, kvCacheDtype } = config;
    const { heads, tokens } = attend.row.tile as { heads: number; tokens: number };
    const perToken = Math.ceil(numHeads / heads);
    this.#numHeads = numHeads;
    this.#requestHeads = heads;
    this.#rule = { perToken, requestRows: perToken === 1 ? tokens : 1, workgroups: computeUnits };
    this.requestTokens = this.#rule.requestRows;
    this.maxPartBytes = attend.row.serves.maxPartBytes!;
    this.query = { heads: perToken * heads, width: WIDTH };
    attend.set({
      softmax_scale: scale,
      request_heads: heads * tokens,
      splits: 1,
      stride_request_bytes: heads * WIDTH * ITEM_BYTES,
      stride_page_bytes: WIDTH * (storesFloat8(kvCacheDtype) ? 1 : ITEM_BYTES),
      log2_page_tokens: 0,
      query_scale: 0n,
      request_starts: 0n,
    });
    merge.set({ request_heads: heads, requests_per_token: perToken });
    const bind = (plan: LaunchPlan, names: readonly string[]) => ({
      plan,
      bind: bindMlaArguments(plan, config),
      // Scales are an fp8 cache's alone.
      set: names.map((name) => (plan.argumentNames.includes(name) ? plan.setter(name) : () => {})),
    });
    this.#begin = bind(begin, ["work_lists", "cache_scale", "work_starts", "works"]);
    this.#attend = bind(attend, [
      ...["partial", "partial_lse", "query_latent", "page_starts", "pages", "last_page_lens"],
      ...["work_lists", "latent_output", "cache_scale"],
    ]);
    this.#merge = bind(merge, ["latent_output", "partial", "partial_lse", "part_starts", "part_list"]);
    for (const plan of [attend, begin, merge]) plan.complete();
  }

  plan({ decodeTokens }: Requests): AiterMlaWorkStep | null {
    return decodeTokens === 0 ? null : { tokens: decodeTokens };
  }

  workspaceBytes(limits: Required<BatchLimits>): number {
    return FACTS_BYTES + 4 * workLimits(limits, this.#rule).parts * this.#requestHeads * (RANK + 1);
  }

  prepare(limits: Required<BatchLimits>, derive: (source: DerivedSource) => Derived): AiterMlaWorkMetadata {
    const { parts } = workLimits(limits, this.#rule);
    return {
      pages: derivePages(limits, "sequences", this.expand, derive),
      work: deriveWork(limits, this.#rule, derive),
      parts,
    };
  }

  queryFor({ cache }: MlaCall): LatentQuery {
    checkReach(cache, this.maxPartBytes);
    return this.query;
  }

  launch(
    call: MlaCall,
    batch: Batch,
    lists: RequestLists,
    { tokens }: AiterMlaWorkStep,
    space: LatentSpace,
    { pages, work, parts }: AiterMlaWorkMetadata,
    stream: Stream,
  ): void {
    const workLists = space.partials;
    const cacheScale = workLists + 16n;
    const partial = workLists + BigInt(FACTS_BYTES);
    const lse = partial + BigInt(4 * parts * this.#requestHeads * RANK);
    const [begin, attend, merge] = [this.#begin, this.#attend, this.#merge];
    for (const { bind } of [begin, attend, merge]) bind(call, batch, lists);
    const give = (set: readonly ((value: bigint) => void)[], values: readonly bigint[]) => {
      for (let i = 0; i < values.length; i++) set[i]!(values[i]!);
    };
    give(begin.set, [workLists, cacheScale, work.workStarts, work.works]);
    begin.plan.launch(stream, 1);
    give(attend.set, [
      ...[partial, lse, space.query, pages.starts, pages.list, pages.lastLengths],
      ...[workLists, space.output, cacheScale],
    ]);
    attend.plan.launch(stream, this.#rule.workgroups);
    give(merge.set, [space.output, partial, lse, work.partStarts, work.parts]);
    merge.plan.launch(stream, tokens, this.#numHeads);
  }
}
