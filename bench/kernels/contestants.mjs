import { compileFlex, createAttention, createMlaAttention, flex } from "../../dist/index.js";
import { assembly, pagedAttentionV1, tritonDecode } from "./aiter-decodes.mjs";
import { BLOCK_SIZE, HEAD_SIZE, LATENT_RANK, LATENT_SIZE } from "./shapes.mjs";
import { batchOf, disposeAll } from "./steps.mjs";

// Who takes part in bench/kernels.mjs. Each makes its tensors for a shape, whose memory nobody writes, and gives the
// function that enqueues its launches, or throws where it does not serve the shape or its kernels are not at hand. With it
// come the addresses of the caches, and those of the queries and the output.

/** A backend of this package, as a program would use it; `bringsKeys`: its calls write those of new tokens. */
function backend(name, env = {}, phases = ["decode", "prefill"], options = {}, bringsKeys = false) {
  return (device, shape) => {
    const { numHeads, numKvHeads, headSize, sequences, length, queries, cache: cacheType, phase } = shape;
    if (shape.isLatent) throw new Error("does not attend to latents");
    if (!phases.includes(phase)) throw new Error(`differs in ${phases[0]} alone`);
    const attention = createAttention(device, {
      ...{ numHeads, numKvHeads, headSize, dtype: "bfloat16", blockSize: BLOCK_SIZE, env },
      ...{ backend: name, kvCacheDtype: cacheType === "fp8" ? "fp8" : "auto", ...options },
    });
    const blocks = length / BLOCK_SIZE;
    const cache = attention.createKvCache({ numBlocks: sequences * blocks, layers: 1 });
    const tokens = sequences * queries;
    const batch = batchOf(device, shape);
    const dense = (heads) => device.empty([tokens, heads, headSize], "bfloat16");
    const [query, output] = [dense(numHeads), dense(numHeads)];
    const keys = bringsKeys ? { key: dense(numKvHeads), value: dense(numKvHeads) } : {};
    const layer = cache.layer(0);
    attention.prepare(batch);
    const tensors = [query, output, ...Object.values(keys), cache, batch];
    const caches = bringsKeys
      ? Object.values(keys)
      : attention.kvCacheLayout.parts.map((part) => layer.part(part.name));
    return {
      enqueue: () => attention.forward({ query, ...keys, output, cache: layer, batch }),
      caches: caches.map(({ pointer }) => pointer),
      ends: [query.pointer, output.pointer],
      dispose: () => disposeAll([...tensors, attention]),
    };
  };
}

/**
 * FLEX_ATTENTION's prefill with functions, `compiled` or interpreted. The tensors that they read hold zeros: one document, and
 * no bias.
 */
function functions(of, compiled) {
  const env = compiled ? process.env : { ...process.env, ROCM_ATTENTION_CACHE: "/nonexistent" };
  return async (device, shape) => {
    const { numHeads, numKvHeads, headSize, length, phase, cache } = shape;
    if (phase !== "prefill" || cache !== "bf16") throw new Error("is compared in prefills over a bf16 cache");
    const slopes = await device.zeros([numHeads], "float32");
    const documents = await device.zeros([1, length], "int32");
    const config = { numHeads, numKvHeads, headSize, dtype: "bfloat16", blockSize: BLOCK_SIZE };
    const options = of({ slopes, documents });
    const named = { ...config, ...options, backend: "FLEX_ATTENTION", env };
    if (compiled) await compileFlex(device, named);
    const made = await backend("FLEX_ATTENTION", env, ["prefill"], options)(device, shape);
    const disposeOfOthers = made.dispose;
    return { ...made, dispose: () => disposeAll([{ dispose: disposeOfOthers }, slopes, documents]) };
  };
}

/** A causal mask in other words than the kernels know. */
const causal = () => ({ maskMod: ({ query, key }) => key.sub(query).le(0) });
/** Rows that see all of a block still change its scores, by ALiBi and a soft cap. */
const documents = (tensors) => ({
  maskMod: flex.documentMask(tensors.documents),
  scoreMod: flex.chain(flex.softCap(30), flex.alibi(tensors.slopes)),
});

/** A backend of latent attention, with its products: all of a layer's step. */
function latentBackend(name) {
  return (device, shape) => {
    const { numHeads, sequences, length, queries } = shape;
    const tokens = sequences * queries;
    if (!shape.isLatent) throw new Error("attends to latents alone");
    const attention = createMlaAttention(device, {
      ...{ numHeads, kvLoraRank: LATENT_RANK, dtype: "bfloat16", blockSize: BLOCK_SIZE, backend: name },
    });
    const cache = attention.createKvCache({ numBlocks: (sequences * length) / BLOCK_SIZE });
    const batch = batchOf(device, shape);
    attention.prepare(batch);
    const tensor = (...dimensions) => device.empty(dimensions, "bfloat16");
    const kvB = tensor(numHeads * 2 * HEAD_SIZE, LATENT_RANK);
    const weights = attention.prepareKvB(kvB);
    const query = tensor(tokens, numHeads, HEAD_SIZE + LATENT_SIZE - LATENT_RANK);
    const part = (size, first) =>
      query.view({ shape: [tokens, numHeads, size], strides: [...query.strides], byteOffset: 2 * first });
    const [queryNope, queryRope] = [part(HEAD_SIZE, 0), part(LATENT_SIZE - LATENT_RANK, HEAD_SIZE)];
    const output = tensor(tokens, numHeads, HEAD_SIZE);
    const layer = cache.layer(0);
    const tensors = [query, output, kvB, weights, cache, batch];
    return {
      enqueue: () => attention.forward({ queryNope, queryRope, weights, output, cache: layer, batch }),
      caches: [layer.part("latent").pointer],
      ends: [query.pointer, output.pointer],
      dispose: () => disposeAll([...tensors, attention]),
    };
  };
}

/** By their names in the report, ours first. */
export const contestants = {
  TRITON_ATTN: backend("TRITON_ATTN"),
  TRITON_MLA: latentBackend("TRITON_MLA"),
  ROCM_ATTN: backend("ROCM_ATTN"),
  "ROCM_ATTN, decode in Triton": backend("ROCM_ATTN", { VLLM_ROCM_CUSTOM_PAGED_ATTN: "0" }, ["decode"]),
  FLEX_ATTENTION: backend("FLEX_ATTENTION", {}, ["prefill"]),
  "FLEX_ATTENTION, causal compiled": functions(causal, true),
  "FLEX_ATTENTION, causal interpreted": functions(causal, false),
  "FLEX_ATTENTION, documents compiled": functions(documents, true),
  "FLEX_ATTENTION, documents interpreted": functions(documents, false),
  "AITER FA over the cache": backend("ROCM_AITER_FA", {}, ["prefill"]),
  "AITER FA over new keys": backend("ROCM_AITER_FA", {}, ["prefill"], {}, true),
  "AITER Triton": backend("ROCM_AITER_UNIFIED_ATTN", { VLLM_ROCM_USE_AITER: "1" }),
  ROCM_AITER_MLA: latentBackend("ROCM_AITER_MLA"),
  "AITER pa_v1": pagedAttentionV1,
  "AITER pa Triton": tritonDecode,
  "AITER pa asm": assembly,
};
