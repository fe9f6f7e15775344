/** The most splits of a request. */
export const MAX_SPLITS = 64;
/** Keys of a split at least, where a request has more splits than AITER gives it. */
const [LEAST_KEYS, AITER_SPLITS] = [128, 16] as const;
/** What a further split costs, in keys. */
const SPLIT_COST = 84.1;

/**
 * AITER's rule for the splits of its decode of latent attention: those which gain most of full waves of workgroups, less what a split
 * costs. There 16 are the most; here long contexts have more, which few requests need to keep all compute units at work. Never so many
 * that a compute unit finds more than two workgroups for it.
 */
export function aiterMlaSplits(requests: number, keys: number, computeUnits: number): number {
  const worthwhile = Math.min(MAX_SPLITS, Math.max(AITER_SPLITS, Math.floor(keys / LEAST_KEYS)));
  const most = Math.min(worthwhile, Math.max(1, Math.floor((2 * computeUnits) / requests)));
  let [best, bestScore] = [1, 0];
  for (let splits = 1; splits <= most; splits++) {
    const workgroups = requests * splits;
    const full = workgroups / (Math.ceil(workgroups / computeUnits) * computeUnits);
    const score = (full * keys) / (keys + SPLIT_COST * splits);
    if (score > bestScore) [best, bestScore] = [splits, score];
  }
  return best;
}
