import type { Derived, DerivedSource } from "../batch/batch.js";
import type { BatchLimits, StepView } from "../batch/step.js";
import { invalidArgument } from "../errors.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import { MAX_DECODE_TOKENS } from "./decodes.js";
import { requestLimits } from "./mla-requests.js";

/** Addresses of the lists that AITER's decode takes, int32. */
export interface Pages {
  /** [requests + 1]: where the pages of each begin in `list`. A page is a token of the cache. */
  readonly starts: bigint;
  readonly list: bigint;
  /** [requests]: tokens of each request's last page, all ones. */
  readonly lastLengths: bigint;
  /** [requests + 1]: 0, 1, 2, ...: each request has one query token. */
  readonly requestStarts: bigint;
}

/** Pages behind the last one that kernels may look up, and then do nothing with. */
const READ_AHEAD = 256;

/**
 * Derives the pages of each decode token's requests: `perToken` with the same pages, since each attends for a part of the heads. The
 * host writes where they begin, a kernel expands the block table.
 */
export function derivePages(
  limits: Required<BatchLimits>,
  perToken: number,
  expand: LaunchPlan,
  derive: (source: DerivedSource) => Derived,
): Pages {
  const { decodeTokens, maxKeys } = requestLimits(limits);
  const requests = decodeTokens * perToken;
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
      const [starts, sequences, ones, numbers] = [0, 1, 2, 3].map(list) as [
        Int32Array,
        Int32Array,
        Int32Array,
        Int32Array,
      ];
      const { count, pages } = fillStarts(step, perToken, starts, sequences);
      starts.fill(pages, count);
      ones.fill(1);
      for (let i = 0; i < stride; i++) numbers[i] = i;
      return 4 * words.length;
    },
  });
  const at = (index: number) => lists.pointer + BigInt(4 * index * stride);
  const set = Object.fromEntries(expand.argumentNames.map((name) => [name, expand.setter(name)]));
  const pages = derive({
    bytes: 4 * (requests * maxKeys + READ_AHEAD),
    enqueue(step, pointer, stream, batch) {
      const { count, longest } = fillStarts(step, perToken);
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

/** Writes where the pages of each request begin, and its sequence; says how many requests and pages there are. */
function fillStarts(
  { shape, queryStartLoc, seqLens }: StepView,
  perToken: number,
  starts?: Int32Array,
  sequences?: Int32Array,
): { count: number; pages: number; longest: number } {
  let [count, pages, longest] = [0, 0, 0];
  for (let s = 0; s < shape.sequences; s++) {
    const length = queryStartLoc[s + 1]! - queryStartLoc[s]!;
    if (length > MAX_DECODE_TOKENS) continue;
    for (let token = 0; token < length; token++) {
      const keys = seqLens[s]! - (length - 1 - token);
      longest = Math.max(longest, keys);
      for (let part = 0; part < perToken; part++) {
        if (starts !== undefined) starts[count] = pages;
        if (sequences !== undefined) sequences[count] = s;
        count++;
        pages += keys;
      }
    }
  }
  return { count, pages, longest };
}
