import type { Derived, DerivedSource } from "../batch/batch.js";
import type { BatchLimits, StepShape, StepView } from "../batch/step.js";
import { MAX_DECODE_TOKENS } from "./decodes.js";

/** The requests of one step: decodes attend to latents, prefills to keys and values that are made of them. */
export interface Requests {
  readonly decodes: number;
  /** Query tokens of all decodes, and of one at most. */
  readonly decodeTokens: number;
  readonly queryTokens: number;
  /** Keys of the longest decode, and of all decode tokens together. */
  readonly maxDecodeKeys: number;
  readonly decodeKeys: number;
  /** Keys of each prefill, in the order of the batch. */
  readonly prefillKeys: readonly number[];
  /** Query tokens of the longest prefill. */
  readonly maxPrefillTokens: number;
}

/** The most of everything that a step within limits has. */
export interface RequestLimits {
  readonly decodes: number;
  readonly decodeTokens: number;
  readonly queryTokens: number;
  readonly prefills: number;
  readonly maxKeys: number;
}

export function requestLimits(limits: Required<BatchLimits>): RequestLimits {
  const { maxSequences, maxTokens, maxQueryLen, maxBlocksPerSequence, blockSize } = limits;
  const queryTokens = Math.min(MAX_DECODE_TOKENS, maxQueryLen);
  const decodes = Math.min(maxSequences, maxTokens);
  return {
    decodes,
    decodeTokens: Math.min(maxTokens, maxSequences * queryTokens),
    queryTokens,
    prefills:
      maxQueryLen <= MAX_DECODE_TOKENS
        ? 0
        : Math.min(maxSequences, Math.floor(maxTokens / (queryTokens + 1))),
    maxKeys: maxBlocksPerSequence * blockSize,
  };
}

/** Classes the requests of a step; without one, those of a capture, which are decodes alone. Pure. */
export function classRequests(shape: StepShape, step: StepView | null): Requests {
  if (step === null) {
    const { sequences, tokens, maxQueryLen, maxSeqLen } = shape;
    return {
      decodes: Math.min(sequences, tokens),
      decodeTokens: Math.min(tokens, sequences * maxQueryLen),
      queryTokens: maxQueryLen,
      maxDecodeKeys: maxSeqLen,
      decodeKeys: Math.min(tokens, sequences * maxQueryLen) * maxSeqLen,
      prefillKeys: [],
      maxPrefillTokens: 0,
    };
  }
  let [decodes, decodeTokens, queryTokens, maxDecodeKeys, decodeKeys, maxPrefillTokens] = [0, 0, 0, 0, 0, 0];
  const prefillKeys: number[] = [];
  for (let s = 0; s < shape.sequences; s++) {
    const length = step.queryStartLoc[s + 1]! - step.queryStartLoc[s]!;
    const keys = step.seqLens[s]!;
    if (length > MAX_DECODE_TOKENS) {
      prefillKeys.push(keys);
      maxPrefillTokens = Math.max(maxPrefillTokens, length);
    } else if (length > 0) {
      decodes++;
      decodeTokens += length;
      queryTokens = Math.max(queryTokens, length);
      maxDecodeKeys = Math.max(maxDecodeKeys, keys);
      decodeKeys += length * keys;
    }
  }
  return { decodes, decodeTokens, queryTokens, maxDecodeKeys, decodeKeys, prefillKeys, maxPrefillTokens };
}

/** Addresses of the lists of a step's requests, int32; what a list does not need is -1. */
export interface RequestLists {
  /** [decodes]: their sequences, and where the tokens of each begin among decode tokens. */
  readonly decodeSequences: bigint;
  readonly decodeStarts: bigint;
  /** [decode tokens]: where each stands among all tokens, and the keys that it sees. */
  readonly decodeTokens: bigint;
  readonly decodeKeys: bigint;
  /** [prefills]: their sequences. */
  readonly prefillSequences: bigint;
}

/** Lists begin at multiples of this many bytes. */
const ALIGNMENT_BYTES = 16;

/** Derives the lists of a batch's requests, which captured graphs see too. */
export function deriveRequests(
  limits: Required<BatchLimits>,
  derive: (source: DerivedSource) => Derived,
): RequestLists {
  const { decodes, decodeTokens, prefills } = requestLimits(limits);
  const offsets: number[] = [];
  let bytes = 0;
  for (const entries of [decodes, decodes, decodeTokens, decodeTokens, prefills]) {
    offsets.push(bytes);
    bytes += Math.ceil((4 * entries) / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
  }
  const { pointer } = derive({
    bytes,
    fill(step, into) {
      const list = new Int32Array(into.buffer, into.byteOffset, bytes / 4).fill(-1);
      const lists = offsets.map((offset) => list.subarray(offset / 4));
      fillRequests(step, lists as [Int32Array, Int32Array, Int32Array, Int32Array, Int32Array]);
      return bytes;
    },
  });
  const [decodeSequences, decodeStarts, decodeTokenList, decodeKeys, prefillSequences] = offsets.map(
    (offset) => pointer + BigInt(offset),
  );
  return {
    decodeSequences: decodeSequences!,
    decodeStarts: decodeStarts!,
    decodeTokens: decodeTokenList!,
    decodeKeys: decodeKeys!,
    prefillSequences: prefillSequences!,
  };
}

function fillRequests(
  { shape, queryStartLoc, seqLens }: StepView,
  [sequences, starts, tokens, keys, prefillSequences]: [
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
  ],
): void {
  let [decodes, decodeTokens, prefills] = [0, 0, 0];
  for (let s = 0; s < shape.sequences; s++) {
    const [start, end] = [queryStartLoc[s]!, queryStartLoc[s + 1]!];
    if (end - start > MAX_DECODE_TOKENS) {
      prefillSequences[prefills++] = s;
    } else if (end > start) {
      sequences[decodes] = s;
      starts[decodes++] = decodeTokens;
      for (let token = start; token < end; token++) {
        tokens[decodeTokens] = token;
        keys[decodeTokens++] = seqLens[s]! - (end - 1 - token);
      }
    }
  }
}
