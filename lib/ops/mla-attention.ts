import type { Batch, Derived, DerivedSource } from "../batch/batch.js";
import type { BatchLimits, StepShape, StepView } from "../batch/step.js";
import type { ResolvedConfig } from "../config.js";
import type { Stream } from "../device/stream.js";
import { invalidArgument } from "../errors.js";
import type { ChosenKernels } from "../kernels/chosen.js";
import type { CacheLayout } from "../kv-cache/layouts.js";
import { MAX_DECODE_TOKENS } from "./decodes.js";
import { bindMlaArguments } from "./mla-arguments.js";
import type { MlaCall } from "./mla-call.js";
import type { MlaDecoder } from "./mla-decoder.js";
import type { MlaPrefiller } from "./mla-prefiller.js";
import { MlaProduct } from "./mla-products.js";
import { classRequests, deriveRequests, type RequestLists, requestLimits } from "./mla-requests.js";
import { regionsOf } from "./regions.js";

/** How a step runs. */
export interface LatentPlan {
  readonly tokens: number;
  readonly decode: { readonly tokens: number } | null;
  /** The prefiller's; null: there are no prefills. */
  readonly prefill: unknown;
}

/** What is derived and decided for a batch: where its requests are listed, and its workspace is divided. */
export interface LatentMetadata {
  readonly lists: RequestLists;
  /** The decoder's, and the prefiller's. */
  readonly decode: unknown;
  readonly prefill: unknown;
  /** Of a decode's parts. */
  readonly offsets: Readonly<Record<"query" | "output" | "partials", bigint>>;
}

/** Elements of a latent, of 16 bits each. */
const [RANK, ITEM_BYTES] = [512, 2];

/**
 * Latent attention: sequences with a few new tokens attend to latents, by the backend's decoder; others, by its prefiller, to keys
 * and values that are made of latents.
 */
export class LatentAttention {
  readonly cacheLayout: CacheLayout;
  /** The products of decodes are in fp8. */
  readonly takesQuantisedWeights: boolean;
  /** Decodes can round queries to fp8; else why not. */
  readonly takesQueryScale: true | string;
  readonly #config: ResolvedConfig;
  readonly #write;
  readonly #queryProduct: MlaProduct;
  readonly #valueProduct: MlaProduct;

  constructor(
    private readonly name: string,
    {
      config,
      kernels,
      layout,
    }: { config: ResolvedConfig; kernels: ChosenKernels; layout: CacheLayout | null },
    private readonly decoder: MlaDecoder,
    private readonly prefiller: MlaPrefiller,
  ) {
    this.cacheLayout = layout!;
    this.#config = config;
    const [write] = kernels.load("triton:concat_and_cache_mla");
    this.#write = { plan: write, bind: bindMlaArguments(write, config) };
    write.complete();
    this.takesQuantisedWeights = kernels.has("triton:mla_query_product_fp8");
    this.takesQueryScale =
      kernels.has("aiter:mla_decode_fp8") ||
      `queries in fp8 are taken by ROCM_AITER_MLA with 128 heads on gfx942, not by ${name} with ${config.numHeads} on this GPU`;
    const suffix = this.takesQuantisedWeights ? "_fp8" : "";
    const products = (name: string) => kernels.load(`triton:mla_${name}_product${suffix}`);
    this.#queryProduct = new MlaProduct(products("query"), config, "query_latent");
    this.#valueProduct = new MlaProduct(products("value"), config, "latent_output");
  }

  prepare(limits: Required<BatchLimits>, derive: (source: DerivedSource) => Derived) {
    const { decodeTokens } = requestLimits(limits);
    const { numHeads } = this.#config;
    const { heads, width } = this.decoder.query;
    // Decodes are through with their part when prefills begin with theirs.
    const decode = regionsOf({
      query: decodeTokens * heads * width * ITEM_BYTES,
      output: decodeTokens * numHeads * RANK * ITEM_BYTES,
      partials: this.decoder.workspaceBytes(limits),
    });
    const prefill = this.prefiller.prepare(limits, derive);
    return {
      workspaceBytes: Math.max(decode.bytes, prefill.workspaceBytes),
      derived: {
        lists: deriveRequests(limits, derive),
        decode: this.decoder.prepare(limits, derive),
        prefill: prefill.derived,
        offsets: decode.offsets,
      },
    };
  }

  plan(shape: StepShape, step: StepView | null): LatentPlan {
    if (step === null && shape.maxQueryLen > MAX_DECODE_TOKENS) {
      const expected = `a batch with maxQueryLen <= ${MAX_DECODE_TOKENS}: ${this.name} captures decodes alone`;
      throw invalidArgument("batch", expected, shape.maxQueryLen);
    }
    const requests = classRequests(shape, step);
    const [decode, prefill] = [this.decoder.plan(requests), this.prefiller.plan(requests, step)];
    return { tokens: shape.tokens, decode, prefill };
  }

  run(
    call: MlaCall,
    { tokens, decode, prefill }: LatentPlan,
    {
      batch,
      derived,
      workspace,
      stream,
    }: { batch: Batch; derived: LatentMetadata; workspace: bigint; stream: Stream },
  ): void {
    if (tokens === 0) return;
    const query = this.decoder.queryFor(call);
    const { lists, offsets } = derived;
    if (call.latent !== null) {
      this.#write.bind(call, batch, lists);
      this.#write.plan.launch(stream, tokens);
    }
    if (decode !== null) {
      const space = {
        query: workspace + offsets.query,
        output: workspace + offsets.output,
        partials: workspace + offsets.partials,
      };
      const results = { heads: this.#config.numHeads, width: 512 } as const;
      const { tokens } = decode;
      this.#queryProduct.launch(call, batch, lists, tokens, { ...query, at: space.query }, stream);
      this.decoder.launch(call, batch, lists, decode, space, derived.decode, stream);
      this.#valueProduct.launch(call, batch, lists, tokens, { ...results, at: space.output }, stream);
    }
    if (prefill !== null) {
      this.prefiller.launch(call, batch, lists, prefill, workspace, derived.prefill, stream);
    }
  }

  dispose(): void {}
}
