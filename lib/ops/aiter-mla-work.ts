/** Rows of queries, of so many heads each, that attend to some pages: those of a sequence's tokens, of which the last sees all keys. */
export interface WorkRequest {
  readonly firstRow: number;
  readonly rows: number;
  readonly firstPage: number;
  readonly keys: number;
}

/** A part of a request: its keys [begin, end). */
export interface Work {
  readonly request: WorkRequest;
  readonly begin: number;
  readonly end: number;
}

/** Keys that workgroups take at a time. */
const TILE_KEYS = 16;
/** What each part costs beside its keys, in tiles, and the least that is worth being a part. */
const [OVERHEAD, LEAST] = [5, 2] as const;

/**
 * Divides requests among workgroups so that each has as much to do, within a part's cost: the work of each. A part is never so short
 * that none of its keys is seen by a request's first row.
 */
export function planWork(requests: readonly WorkRequest[], workgroups: number): Work[][] {
  const tilesOf = ({ keys }: WorkRequest) => Math.ceil(keys / TILE_KEYS);
  const total = requests.reduce((sum, request) => sum + tilesOf(request) + OVERHEAD, 0);
  const share = Math.max(LEAST, Math.ceil(total / workgroups)) + OVERHEAD + LEAST;
  const lists: Work[][] = Array.from({ length: workgroups }, () => []);
  let [workgroup, left] = [0, share];
  for (const request of requests) {
    const tiles = tilesOf(request);
    for (let begin = 0; begin < tiles; ) {
      const isLast = workgroup === workgroups - 1;
      if (left - OVERHEAD < LEAST && !isLast) {
        workgroup++;
        left = share;
        continue;
      }
      const room = isLast ? tiles : left - OVERHEAD;
      const end = tiles - begin - room < LEAST ? tiles : begin + room;
      lists[workgroup]!.push({
        request,
        begin: begin * TILE_KEYS,
        end: Math.min(end * TILE_KEYS, request.keys),
      });
      left -= end - begin + OVERHEAD;
      begin = end;
    }
  }
  return lists;
}
