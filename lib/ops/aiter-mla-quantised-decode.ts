import type { Batch, Derived, DerivedSource } from "../batch/batch.js";
import type { BatchLimits } from "../batch/step.js";
import type { ResolvedConfig } from "../config.js";
import type { Stream } from "../device/stream.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import { AiterMlaDecode, type AiterMlaStep } from "./aiter-mla-decode.js";
import type { Pages } from "./aiter-mla-pages.js";
import { numberOf, pointerOf } from "./arguments.js";
import { bindMlaArguments } from "./mla-arguments.js";
import type { MlaCall } from "./mla-call.js";
import type { LatentQuery, LatentSpace, MlaDecoder } from "./mla-decoder.js";
import { type RequestLists, type Requests, requestLimits } from "./mla-requests.js";
import { regionsOf } from "./regions.js";

/** For the scales of queries and of the cache: 16 bytes each. */
const SCALES_BYTES = 32;

/** The lists of pages, and where in the workspace rounded queries and partial results lie. */
interface QuantisedMetadata {
  readonly pages: Pages;
  readonly offsets: Readonly<Record<"query" | "partials", bigint>>;
}

/** mla_quantise_query, then mla_decode_fp8 of AITER between the kernels of its splits: queries are rounded to fp8 as the cache is. */
export class AiterMlaQuantisedDecode implements MlaDecoder<AiterMlaStep, QuantisedMetadata> {
  readonly query: LatentQuery;
  readonly maxPartBytes: number;
  readonly #quantise;
  readonly #attend;
  readonly #splits: AiterMlaDecode;

  /** `others`: mla_begin_splits, mla_merge_splits and mla_expand_pages. */
  constructor(
    attend: LaunchPlan,
    quantise: LaunchPlan,
    others: readonly [begin: LaunchPlan, merge: LaunchPlan, expand: LaunchPlan],
    config: ResolvedConfig,
    computeUnits: number,
  ) {
    attend.set({ unused_lists: 0n, unused_output: 0n });
    this.#attend = scaleSetters(attend);
    this.#quantise = {
      plan: quantise,
      bind: bindMlaArguments(quantise, config),
      ...scaleSetters(quantise),
      queryLatent: quantise.setter("query_latent"),
      quantisedQuery: quantise.setter("quantised_query"),
      number: quantise.setter("query_scale_number"),
      tensor: quantise.setter("query_scale_tensor"),
    };
    quantise.complete();
    this.#splits = new AiterMlaDecode([attend], ...others, config, computeUnits);
    this.query = this.#splits.query;
    this.maxPartBytes = this.#splits.maxPartBytes;
  }

  plan(requests: Requests): AiterMlaStep | null {
    return this.#splits.plan(requests);
  }

  workspaceBytes(limits: Required<BatchLimits>): number {
    return this.#regions(limits).bytes;
  }

  prepare(limits: Required<BatchLimits>, derive: (source: DerivedSource) => Derived): QuantisedMetadata {
    return { pages: this.#splits.prepare(limits, derive), offsets: this.#regions(limits).offsets };
  }

  queryFor(call: MlaCall): LatentQuery {
    return this.#splits.queryFor(call);
  }

  launch(
    call: MlaCall,
    batch: Batch,
    lists: RequestLists,
    step: AiterMlaStep,
    space: LatentSpace,
    { pages, offsets }: QuantisedMetadata,
    stream: Stream,
  ): void {
    const quantised = space.partials + offsets.query;
    const quantise = this.#quantise;
    for (const { queryScale, cacheScale } of [quantise, this.#attend]) {
      queryScale(space.partials);
      cacheScale(space.partials + 16n);
    }
    quantise.bind(call, batch, lists);
    quantise.queryLatent(space.query);
    quantise.quantisedQuery(quantised);
    quantise.number(numberOf(call.qScale));
    quantise.tensor(pointerOf(call.qScale));
    quantise.plan.launch(stream, (step.tokens * this.#tokenElements) / quantise.plan.row.tile.elements!);
    const behind = { ...space, query: quantised, partials: space.partials + offsets.partials };
    this.#splits.launch(call, batch, lists, step, behind, pages, stream);
  }

  get #tokenElements(): number {
    return this.query.heads * this.query.width;
  }

  #regions(limits: Required<BatchLimits>) {
    return regionsOf({
      scales: SCALES_BYTES,
      query: requestLimits(limits).decodeTokens * this.#tokenElements,
      partials: this.#splits.workspaceBytes(limits),
    });
  }
}

function scaleSetters(plan: LaunchPlan) {
  return { queryScale: plan.setter("query_scale"), cacheScale: plan.setter("cache_scale") };
}
