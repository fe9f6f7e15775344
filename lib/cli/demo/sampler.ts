/** Chooses the next byte of one sequence. */
export type Sampler = (logits: Float32Array) => number;

/**
 * A sampler at `temperature`: 0 takes the byte with the largest logit, above that one is drawn from
 * softmax(logits / temperature). The same seed draws the same bytes.
 */
export function createSampler(temperature: number, seed: number): Sampler {
  if (temperature === 0) return (logits) => logits.indexOf(Math.max(...logits));
  const random = mulberry32(seed);
  return (logits) => {
    const largest = Math.max(...logits);
    const weights = Float64Array.from(logits, (logit) => Math.exp((logit - largest) / temperature));
    let remaining = random() * weights.reduce((sum, weight) => sum + weight, 0);
    const drawn = weights.findIndex((weight) => {
      remaining -= weight;
      return remaining < 0;
    });
    return drawn === -1 ? logits.indexOf(largest) : drawn;
  };
}

/** Tommy Ettinger's mulberry32: uniform numbers in [0, 1) from a 32-bit state. */
function mulberry32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
