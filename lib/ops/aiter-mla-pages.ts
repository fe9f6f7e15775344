import type { Derived, DerivedSource } from "../batch/batch.js";
import type { BatchLimits, StepView } from "../batch/step.js";
import { invalidArgument } from "../errors.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import { MAX_DECODE_TOKENS } from "./decodes.js";
import { requestLimits } from "./mla-requests.js";

/** How the decodes of a step make requests: a sequence is one, or each of its tokens is so many, for a part of the heads each. */
export type Grouping = "sequences" | { readonly perToken: number };

/** Addresses of the lists that AITER's decode takes, int32. */
export interface Pages {
  /** [requests + 1]: where the pages of each begin in `list`. A page is a token of the cache. */
  readonly starts: bigint;
  readonly list: bigint;
  /** [requests]: tokens of each request's last page, all ones. */
  readonly lastLengths: bigint;
  /** [requests + 1]: where the rows of each begin, as queries lie: tokens, or parts of them. */
  readonly requestStarts: bigint;
}

/** Pages behind the last one that kernels may look up, and then do nothing with. */
const READ_AHEAD = 256;

/** The most requests of a step. */
function requestsOf(limits: Required<BatchLimits>, grouping: Grouping): number {
  const { decodes, decodeTokens } = requestLimits(limits);
  return grouping === "sequences" ? decodes : decodeTokens * grouping.perToken;
}

/** Derives the pages of each request of the decodes. The host writes where they begin, a kernel expands the block table. */
export function derivePages(
  limits: Required<BatchLimits>,
  grouping: Grouping,
  expand: LaunchPlan,
  derive: (source: DerivedSource) => Derived,
): Pages {
  const { maxKeys } = requestLimits(limits);
  const requests = requestsOf(limits, grouping);
  if (requests * maxKeys + READ_AHEAD >= 2 ** 31) {
    const expected = `a batch whose decodes have fewer than 2^31 keys together (${requests} requests of ROCM_AITER_MLA)`;
    throw invalidArgument("batch", expected, requests * maxKeys);
  }
  // Each list begins at a multiple of 16 bytes.
  const stride = 4 * Math.ceil((requests + 1) / 4);
  const lists = derive({
    bytes: 4 * 4 * stride,
    fill(step, into) {
      const words = new Int32Array(into.buffer, into.byteOffset, 4 * stride);
      const list = (index: number) => words.subarray(index * stride, (index + 1) * stride);
      const [starts, sequences, ones, rows] = [list(0), list(1), list(2), list(3)];
      let [count, pages, firstRow] = [0, 0, 0];
      forRequests(step, grouping, (sequence, tokens, keys) => {
        starts[count] = pages;
        sequences[count] = sequence;
        rows[count++] = firstRow;
        pages += keys;
        firstRow += tokens;
      });
      starts.fill(pages, count);
      rows.fill(firstRow, count);
      ones.fill(1);
      return 4 * words.length;
    },
  });
  const at = (index: number) => lists.pointer + BigInt(4 * index * stride);
  const set = Object.fromEntries(expand.argumentNames.map((name) => [name, expand.setter(name)]));
  const pages = derive({
    bytes: 4 * (requests * maxKeys + READ_AHEAD),
    enqueue(step, pointer, stream, batch) {
      let [count, longest] = [0, 0];
      forRequests(step, grouping, (_, __, keys) => {
        count++;
        longest = Math.max(longest, keys);
      });
      if (count === 0) return;
      set.pages!(pointer);
      set.page_starts!(at(0));
      set.request_sequences!(at(1));
      set.block_table!(batch.blockTablePointer);
      set.stride_table!(limits.maxBlocksPerSequence);
      set.block_size!(limits.blockSize);
      set.read_ahead!(READ_AHEAD);
      expand.launch(stream, count, Math.ceil((longest + READ_AHEAD) / expand.row.tile.keys!));
    },
  });
  return { starts: at(0), list: pages.pointer, lastLengths: at(2), requestStarts: at(3) };
}

/** Visits the requests of a step in the order of their rows: the sequence, its tokens in the request, and the keys of the last one. */
function forRequests(
  { shape, queryStartLoc, seqLens }: StepView,
  grouping: Grouping,
  visit: (sequence: number, tokens: number, keys: number) => void,
): void {
  for (let s = 0; s < shape.sequences; s++) {
    const length = queryStartLoc[s + 1]! - queryStartLoc[s]!;
    if (length > MAX_DECODE_TOKENS || length === 0) continue;
    if (grouping === "sequences") {
      visit(s, length, seqLens[s]!);
      continue;
    }
    for (let token = 0; token < length; token++) {
      const keys = seqLens[s]! - (length - 1 - token);
      for (let part = 0; part < grouping.perToken; part++) visit(s, 1, keys);
    }
  }
}
