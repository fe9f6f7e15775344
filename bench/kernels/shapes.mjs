import { LAUNCH_MICROSECONDS } from "../../dist/catalog/performance-model.js";

// The shapes of bench/kernels.mjs: causal attention over a paged cache, blocks of 16 tokens, heads of 128 elements where no
// others are named.

export const HEAD_SIZE = 128;
export const BLOCK_SIZE = 16;
/** Elements of a latent, and of a cached token with the rotary part of its key. */
export const LATENT_RANK = 512;
export const LATENT_SIZE = 576;
const HEADS = [
  [32, 8],
  [64, 8],
  [8, 1],
  [16, 16],
];
const CACHES = ["bf16", "fp8"];

const decode = (sequences, length) => ({ phase: "decode", sequences, length, queries: 1 });
const prefill = (length) => ({ phase: "prefill", sequences: 1, length, queries: length });
const steps = [
  ...[1, 8, 64].flatMap((sequences) => [512, 2048, 8192, 32768].map((length) => decode(sequences, length))),
  ...[512, 1024, 2048, 4096].map(prefill),
];

/**
 * All shapes: `sequences` of `length` keys each, of which the last `queries` are new. The queries are bfloat16, the cache
 * too or fp8.
 */
export const shapes = [...grouped(), ...small(), ...latent()];

/** Prefills of small heads. */
function small() {
  return [1024, 2048, 4096].flatMap((length) =>
    HEADS.slice(0, 2).map(([numHeads, numKvHeads]) => ({
      name: `prefill ${length}, heads ${numHeads}/${numKvHeads} of 64, bf16`,
      ...prefill(length),
      ...{ numHeads, numKvHeads, headSize: 64, cache: "bf16" },
    })),
  );
}

function grouped() {
  return steps.flatMap((step) =>
    HEADS.flatMap(([numHeads, numKvHeads]) =>
      CACHES.map((cache) => {
        const { phase, sequences, length } = step;
        const what = phase === "decode" ? `decode ${sequences} x ${length}` : `prefill ${length}`;
        return {
          name: `${what}, heads ${numHeads}/${numKvHeads}, ${cache}`,
          ...step,
          numHeads,
          numKvHeads,
          headSize: HEAD_SIZE,
          cache,
        };
      }),
    ),
  );
}

/**
 * Decodes of DeepSeek's latent attention, with the heads of a GPU of eight and of one; and prefills, without a context and of the
 * last tokens of a long prompt.
 */
function latent() {
  const named = (name, step, numHeads) => ({
    name: `latent ${name}, heads ${numHeads}`,
    ...step,
    ...{ numHeads, numKvHeads: 1, headSize: HEAD_SIZE, cache: "bf16", isLatent: true },
  });
  const decodes = [1, 16, 64].flatMap((sequences) =>
    [1024, 8192, 32768].flatMap((length) =>
      [16, 128].map((numHeads) =>
        named(`decode ${sequences} x ${length}`, decode(sequences, length), numHeads),
      ),
    ),
  );
  const prefills = [16, 128].flatMap((numHeads) => [
    named("prefill 2048", prefill(2048), numHeads),
    named("prefill 512 of 8192", { ...prefill(8192), queries: 512 }, numHeads),
  ]);
  return [...decodes, ...prefills];
}

/** Bytes of a shape's keys and values, or of its latents, which are both. */
export function cacheBytes({ sequences, length, numKvHeads, headSize, cache, isLatent }) {
  const elements = isLatent ? LATENT_SIZE : numKvHeads * 2 * headSize;
  return sequences * length * elements * (cache === "fp8" ? 1 : 2);
}

/** The fewest bytes that attention moves: keys, values, queries and outputs, each once. */
export function leastBytes(shape) {
  return cacheBytes(shape) + shape.sequences * shape.queries * shape.numHeads * 2 * shape.headSize * 2;
}

/**
 * Multiplications of scores and of values that the causal mask leaves. Latents are decoded as they are; in prefills they are made
 * into each head's keys and values, which is counted too.
 */
export function products({ phase, sequences, length, queries, numHeads, headSize, isLatent }) {
  const pairs = queries * (length - queries) + (queries * (queries + 1)) / 2;
  if (!isLatent) return sequences * numHeads * pairs * 2 * headSize;
  if (phase === "decode") return sequences * numHeads * pairs * (LATENT_SIZE + LATENT_RANK);
  const made = length * LATENT_RANK * 2 * headSize;
  return sequences * numHeads * (pairs * (2 * headSize + LATENT_SIZE - LATENT_RANK) + made);
}

/**
 * The least time of a shape in one launch, in microseconds: its bytes at the rate of device memory, or its products at that
 * of the matrix units (1024 of bfloat16 a clock and compute unit on gfx942), whichever takes longer.
 */
export function leastMicroseconds(shape, { hbmTBs, matrixBoundGHz, computeUnits }) {
  const bytes = leastBytes(shape) / hbmTBs / 1e6;
  const matrix = products(shape) / (1024 * computeUnits * matrixBoundGHz * 1e3);
  return { bytes, matrix, total: LAUNCH_MICROSECONDS + Math.max(bytes, matrix) };
}
