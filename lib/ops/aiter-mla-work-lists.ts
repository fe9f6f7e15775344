import type { Derived, DerivedSource } from "../batch/batch.js";
import type { BatchLimits, StepView } from "../batch/step.js";
import { planWork, type WorkRequest } from "./aiter-mla-work.js";
import { MAX_DECODE_TOKENS } from "./decodes.js";
import { requestLimits } from "./mla-requests.js";

/** How the rows of decodes make requests, and who works on them. */
export interface WorkRule {
  /** Rows of a decode token, of so many heads each. */
  readonly perToken: number;
  /** The most rows of a request: several are tokens of a sequence, so there is one row a token then. */
  readonly requestRows: number;
  readonly workgroups: number;
}

/** Addresses of the lists of work, int32. */
export interface WorkLists {
  /** [workgroups + 1]: where the work of each begins in `works`. */
  readonly workStarts: bigint;
  /** [works, 8]: request, its first part, first row and behind its last, first page and behind its last, later keys, 0. */
  readonly works: bigint;
  /** [rows + 1] and [parts]: the parts of each row. */
  readonly partStarts: bigint;
  readonly parts: bigint;
}

const WORK_WORDS = 8;

/** The most rows of a step and the most parts that they have together. */
export function workLimits(
  limits: Required<BatchLimits>,
  { perToken, requestRows, workgroups }: WorkRule,
): { rows: number; works: number; parts: number } {
  const rows = requestLimits(limits).decodeTokens * perToken;
  // Between two workgroups at most one request is cut.
  return { rows, works: rows + workgroups, parts: rows + workgroups * requestRows };
}

/** Derives the work of each workgroup; captured graphs see that of the step. The pages of sequences follow each other. */
export function deriveWork(
  limits: Required<BatchLimits>,
  rule: WorkRule,
  derive: (source: DerivedSource) => Derived,
): WorkLists {
  const { rows, works, parts } = workLimits(limits, rule);
  const lengths = [rule.workgroups + 1, WORK_WORDS * works, rows + 1, parts];
  let words = 0;
  const offsets = lengths.map((length) => {
    const offset = words;
    words += 4 * Math.ceil(length / 4); // each list begins at a multiple of 16 bytes
    return offset;
  });
  const { pointer } = derive({
    bytes: 4 * words,
    fill(step, into) {
      const list = new Int32Array(into.buffer, into.byteOffset, words);
      const [starts, listed, partStarts, partList] = offsets.map((offset) => list.subarray(offset));
      fillWork(requestsOf(step, rule), rule, starts!, listed!, partStarts!, partList!, rows);
      return 4 * words;
    },
  });
  const [workStarts, workList, partStarts, partList] = offsets.map((offset) => pointer + BigInt(4 * offset));
  return { workStarts: workStarts!, works: workList!, partStarts: partStarts!, parts: partList! };
}

function requestsOf(
  { shape, queryStartLoc, seqLens }: StepView,
  { perToken, requestRows }: WorkRule,
): WorkRequest[] {
  const requests: WorkRequest[] = [];
  let [firstRow, firstPage] = [0, 0];
  for (let s = 0; s < shape.sequences; s++) {
    const length = queryStartLoc[s + 1]! - queryStartLoc[s]!;
    if (length > MAX_DECODE_TOKENS || length === 0) continue;
    for (let token = 0; token < length; token += requestRows) {
      const rows = Math.min(requestRows, length - token);
      const keys = seqLens[s]! - (length - token - rows);
      for (let part = 0; part < perToken; part++) {
        requests.push({ firstRow, rows, firstPage, keys });
        firstRow += rows;
      }
    }
    firstPage += seqLens[s]!;
  }
  return requests;
}

function fillWork(
  requests: readonly WorkRequest[],
  { workgroups }: WorkRule,
  starts: Int32Array,
  works: Int32Array,
  partStarts: Int32Array,
  partList: Int32Array,
  mostRows: number,
): void {
  const ofRow: number[][] = Array.from({ length: mostRows }, () => []);
  let [count, part] = [0, 0];
  for (const [workgroup, list] of planWork(requests, workgroups).entries()) {
    starts[workgroup] = count;
    for (const { request, begin, end } of list) {
      const { firstRow, rows, firstPage, keys } = request;
      const entry = [0, part, firstRow, firstRow + rows, firstPage + begin, firstPage + end, keys - end, 0];
      works.set(entry, WORK_WORDS * count++);
      for (let row = 0; row < rows; row++) ofRow[firstRow + row]!.push(part++);
    }
  }
  starts[workgroups] = count;
  let listed = 0;
  for (const [row, parts] of ofRow.entries()) {
    partStarts[row] = listed;
    partList.set(parts, listed);
    listed += parts.length;
  }
  partStarts[mostRows] = listed;
}
