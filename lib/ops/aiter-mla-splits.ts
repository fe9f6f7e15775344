/** The most splits of a request. */
export const MAX_SPLITS = 16;
/** What a further split costs, in keys. */
const SPLIT_COST = 84.1;

/**
 * AITER's rule for the splits of its decode of latent attention: that of 1 to 16 which gains most of full waves of workgroups,
 * less what a split costs. Never so many that a compute unit finds more than two workgroups for it.
 */
export function aiterMlaSplits(requests: number, keys: number, computeUnits: number): number {
  const most = Math.min(MAX_SPLITS, Math.max(1, Math.floor((2 * computeUnits) / requests)));
  let [best, bestScore] = [1, 0];
  for (let splits = 1; splits <= most; splits++) {
    const workgroups = requests * splits;
    const full = workgroups / (Math.ceil(workgroups / computeUnits) * computeUnits);
    const score = (full * keys) / (keys + SPLIT_COST * splits);
    if (score > bestScore) [best, bestScore] = [splits, score];
  }
  return best;
}
