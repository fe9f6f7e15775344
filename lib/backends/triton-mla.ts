import type { Derived, DerivedSource } from "../batch/batch.js";
import type { BatchLimits, StepShape, StepView } from "../batch/step.js";
import type { ResolvedConfig } from "../config.js";
import { invalidArgument, RocmAttentionError } from "../errors.js";
import type { CacheLayout } from "../kv-cache/layouts.js";
import { bindMlaArguments } from "../ops/mla-arguments.js";
import type { MlaCall } from "../ops/mla-call.js";
import { MlaDecode, type MlaDecodeStep } from "../ops/mla-decode.js";
import { MlaPrefill, type MlaPrefillStep } from "../ops/mla-prefill.js";
import { MlaProduct } from "../ops/mla-products.js";
import {
  classRequests,
  deriveRequests,
  MAX_DECODE_TOKENS,
  type RequestLists,
  requestLimits,
} from "../ops/mla-requests.js";
import type { AttentionBackend, BackendContext, RunContext } from "./backend.js";

interface Plan {
  readonly tokens: number;
  readonly decode: MlaDecodeStep | null;
  readonly prefill: MlaPrefillStep | null;
}

/** What `prepare` derives and decides for a batch: where its requests are listed, and its workspace is divided. */
interface Prepared {
  readonly lists: RequestLists;
  readonly offsets: Offsets;
}

interface Offsets {
  readonly queryLatent: bigint;
  readonly latentOutput: bigint;
  readonly partials: bigint;
  readonly context: bigint;
  readonly rope: bigint;
  readonly lse: bigint;
}

/** Elements of a latent, of 16 bits each. */
const LATENT_BYTES = 512 * 2;

/**
 * TRITON_MLA: latent attention in Triton. Sequences with a few new tokens attend to latents, split over their keys; others
 * to keys and values that are made of latents, chunk by chunk.
 */
export class TritonMla implements AttentionBackend<MlaCall, Plan, Prepared> {
  readonly cacheLayout: CacheLayout;
  readonly #config: ResolvedConfig;
  readonly #write;
  readonly #queryProduct: MlaProduct;
  readonly #valueProduct: MlaProduct;
  readonly #decode: MlaDecode;
  readonly #prefill: MlaPrefill;

  constructor({ device, config, kernels, layout }: BackendContext) {
    requireDeepSeekSizes(config);
    this.cacheLayout = layout!;
    this.#config = config;
    const [write] = kernels.load("triton:concat_and_cache_mla");
    this.#write = { plan: write, bind: bindMlaArguments(write, config) };
    write.complete();
    const [reduce] = kernels.load("triton:mla_reduce");
    const [contextProduct] = kernels.load("triton:mla_context_product");
    const [prefill] = kernels.load("triton:mla_prefill");
    this.#queryProduct = new MlaProduct(kernels.load("triton:mla_query_product"), config, "query_latent");
    this.#valueProduct = new MlaProduct(kernels.load("triton:mla_value_product"), config, "latent_output");
    this.#decode = new MlaDecode(kernels.load("triton:mla_decode"), reduce, config, device.info.computeUnits);
    this.#prefill = new MlaPrefill(contextProduct, prefill, config);
  }

  prepare(limits: Required<BatchLimits>, derive: (source: DerivedSource) => Derived) {
    const { decodeTokens } = requestLimits(limits);
    const { numHeads } = this.#config;
    const context = this.#prefill.workspaceBytes(limits);
    const latents = decodeTokens * numHeads * LATENT_BYTES;
    // Decodes are through with their part when prefills begin with theirs.
    const decode = divide(latents, latents, this.#decode.workspaceBytes(limits));
    const prefill = divide(context.context, context.rope, 4 * limits.maxTokens * numHeads);
    const [queryLatent, latentOutput, partials] = decode.offsets as [bigint, bigint, bigint];
    const [keysAndValues, rope, lse] = prefill.offsets as [bigint, bigint, bigint];
    const offsets = { queryLatent, latentOutput, partials, context: keysAndValues, rope, lse };
    return {
      workspaceBytes: Math.max(decode.bytes, prefill.bytes),
      derived: { lists: deriveRequests(limits, derive), offsets },
    };
  }

  plan(shape: StepShape, step: StepView | null): Plan {
    if (step === null && shape.maxQueryLen > MAX_DECODE_TOKENS) {
      const expected = `a batch with maxQueryLen <= ${MAX_DECODE_TOKENS}: TRITON_MLA captures decodes alone`;
      throw invalidArgument("batch", expected, shape.maxQueryLen);
    }
    const requests = classRequests(shape, step);
    const [decode, prefill] = [this.#decode.plan(requests), this.#prefill.plan(requests)];
    return { tokens: shape.tokens, decode, prefill };
  }

  run(
    call: MlaCall,
    { tokens, decode, prefill }: Plan,
    { batch, derived, workspace, stream }: RunContext<Prepared>,
  ): void {
    if (tokens === 0) return;
    const { lists, offsets } = derived;
    if (call.latent !== null) {
      this.#write.bind(call, batch, lists);
      this.#write.plan.launch(stream, tokens);
    }
    if (decode !== null) {
      const space = {
        query: workspace + offsets.queryLatent,
        output: workspace + offsets.latentOutput,
        partials: workspace + offsets.partials,
      };
      this.#queryProduct.launch(call, batch, lists, decode.tokens, space.query, stream);
      this.#decode.launch(call, batch, lists, decode, space, stream);
      this.#valueProduct.launch(call, batch, lists, decode.tokens, space.output, stream);
    }
    if (prefill !== null) {
      const space = { context: workspace + offsets.context, rope: workspace + offsets.rope };
      const lse = call.lse?.pointer ?? workspace + offsets.lse;
      this.#prefill.launch(call, batch, lists, prefill, space, lse, stream);
    }
  }

  dispose(): void {}
}

/** Regions one after the other, each aligned for kernels. */
function divide(...sizes: number[]): { offsets: bigint[]; bytes: number } {
  let bytes = 0;
  const offsets = sizes.map((size) => {
    const offset = BigInt(bytes);
    bytes += Math.ceil(size / 256) * 256;
    return offset;
  });
  return { offsets, bytes };
}

/** Refuses latent attention of other sizes than DeepSeek's, which kernels are compiled for. */
function requireDeepSeekSizes({ mla }: ResolvedConfig): void {
  const { kvLoraRank, qkNopeHeadDim, qkRopeHeadDim, vHeadDim } = mla!;
  const sizes = [kvLoraRank, qkNopeHeadDim, qkRopeHeadDim, vHeadDim].join(", ");
  if (sizes === "512, 128, 64, 128") return;
  throw new RocmAttentionError(
    "ERR_BACKEND_UNSUPPORTED",
    `TRITON_MLA takes kvLoraRank, qkNopeHeadDim, qkRopeHeadDim and vHeadDim of 512, 128, 64 and 128, not ${sizes}`,
  );
}
