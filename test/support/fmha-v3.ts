import type { Batch, Device } from "../../lib/index.js";
import { LaunchPlan } from "../../lib/kernels/launch-plan.js";
import { type LocatedRow, loadKernel } from "../../lib/kernels/store.js";
import type { DenseCall } from "../../lib/ops/arguments.js";
import { FmhaV3 } from "../../lib/ops/fmha-v3.js";
import { operationConfig } from "./hip-kernels.js";
import { attend, type Expected, lseError, Random, type RowErrors, round, rowErrors } from "./reference.js";
import { everyRow } from "./test-kernels.js";

/** One call of AITER's forward attention in assembly. */
export interface FmhaV3Options {
  readonly row: LocatedRow;
  readonly numKvHeads: number;
  readonly group: number;
  /** Of each sequence the keys before its first query, and its queries; without a mask all of its keys and its queries. */
  readonly lengths: readonly (readonly [keys: number, queries: number])[];
  readonly seed: number;
  /** Multiplies the queries. */
  readonly peak?: number;
  /** The sequence whose query length the kernel is told one too small: a mistake that the comparison must see. */
  readonly mistake?: number;
}

/** Rows of NaN behind each sequence's. */
const GAP = 3;
/** Elements of a value's head. */
const SIZE = 128;

/** The rows of AITER's assembly whose operation begins so, those that only tests run among them. */
export function assemblyRows(arch: string, operation: string): LocatedRow[] {
  return everyRow(arch).filter(
    ({ variant, operation: name }) => variant === "asm" && name.startsWith(operation),
  );
}

/** Runs a call on random data, sequences apart from each other by NaN, and compares it with float64. */
export async function fmhaV3(
  device: Device,
  { row, numKvHeads, group, lengths, seed, peak = 1, mistake }: FmhaV3Options,
): Promise<{ errors: RowErrors; lse: number; areGapsUntouched: boolean }> {
  const isCausal = row.operation.includes("causal");
  const numHeads = numKvHeads * group;
  const random = new Random(seed);
  const { headSizes } = row.serves;
  const [headSize] = headSizes !== undefined && "pairs" in headSizes ? headSizes.pairs[0]! : [SIZE];
  const draw = (heads: number, size: number) => round("bfloat16", random.normals(heads * size)).values;
  const queryLens = lengths.map(([, queries]) => queries);
  const keyLens = lengths.map(([keys, queries]) => (isCausal ? keys + queries : keys));
  const queries = queryLens.map((length) => draw(length * numHeads, headSize).map((x) => peak * x));
  const keys = keyLens.map((length) => draw(length * numKvHeads, headSize));
  const values = keyLens.map((length) => draw(length * numKvHeads, SIZE));

  // What a kernel loads behind sequences has to be finite.
  const { keysBehind } = row.tile;
  const spread = async (parts: readonly Float64Array[], heads: number, size: number) => {
    const unused = keysBehind === undefined ? Number.NaN : 1e3;
    const gap = new Float64Array(GAP * heads * size).fill(unused);
    const behind = new Float64Array((keysBehind ?? 0) * heads * size).fill(unused);
    const all = [...parts.flatMap((part) => [...part, ...gap]), ...behind];
    const shape = [all.length / heads / size, heads, size];
    return device.upload(round("bfloat16", all).bits, { shape, dtype: "bfloat16" });
  };
  const starts = (lens: readonly number[], gap: number) => {
    const sums = [0];
    for (const length of lens) sums.push(sums.at(-1)! + length + gap);
    return Int32Array.from(sums);
  };
  const list = (data: Int32Array) => device.upload(data, { shape: [data.length], dtype: "int32" });
  const query = await spread(queries, numHeads, headSize);
  const key = await spread(keys, numKvHeads, headSize);
  const value = await spread(values, numKvHeads, SIZE);
  const rows = query.shape[0]!;
  const result = device.zeros([rows, numHeads, SIZE], "bfloat16");
  const lse = device.zeros([numHeads, rows], "float32");
  const told = queryLens.map((length, s) => (s === mistake ? length - 1 : length));
  const queryStarts = starts(queryLens, GAP);
  const tables = await Promise.all(
    [queryStarts, starts(keyLens, GAP), starts(told, 0), starts(keyLens, 0)].map(list),
  );
  const [queryStartLoc, keyStartLoc, cumulativeQueryLens, cumulativeKeyLens] = tables.map(
    ({ pointer }) => pointer,
  ) as [bigint, bigint, bigint, bigint];

  const scale = headSize ** -0.5;
  const shape = { numHeads, numKvHeads, headSize, blockSize: 16 };
  const config = operationConfig(shape, "bfloat16");
  const operation = new FmhaV3([new LaunchPlan(loadKernel(device, row), row)], config, row.chips?.[0] ?? 0);
  const call = { query, key, value, output: result, lse: null } as unknown as DenseCall;
  operation.launch(
    call,
    { queryStartLocPointer: queryStartLoc } as Batch,
    {
      ...{ queryStartLoc, keyStartLoc, cumulativeQueryLens, cumulativeKeyLens },
      sequences: lengths.length,
      maxQueryLen: Math.max(...queryLens),
    },
    { pointer: lse.pointer, rows },
    device.defaultStream,
  );
  const [outputs, sums] = await Promise.all([result.readFloat32(), lse.readFloat32()]);
  for (const tensor of [...tables, query, key, value, result, lse]) tensor.dispose();

  const expected = attend({
    shape,
    lengths,
    query: Float64Array.from(queries.flatMap((part) => [...part])),
    keys,
    values: values.map((part) => resized(part, SIZE, headSize)),
    scale,
    attentionType: isCausal ? "decoder" : "encoder_decoder",
  });
  const output = resized(expected.output, headSize, SIZE);
  return compare({ ...expected, output }, outputs, sums, { numHeads, rows, queryLens, queryStarts });
}

/** Rows of heads with elements cut off or zeros behind. */
function resized(rows: Float64Array, from: number, to: number): Float64Array {
  if (from === to) return rows;
  const result = new Float64Array((rows.length / from) * to);
  for (let row = 0; row * from < rows.length; row++) {
    result.set(rows.subarray(row * from, row * from + Math.min(from, to)), row * to);
  }
  return result;
}

interface Places {
  readonly numHeads: number;
  readonly rows: number;
  readonly queryLens: readonly number[];
  readonly queryStarts: Int32Array;
}

function compare(
  expected: Expected,
  outputs: Float32Array,
  sums: Float32Array,
  { numHeads, rows, queryLens, queryStarts }: Places,
) {
  const tokens = queryLens.reduce((sum, length) => sum + length, 0);
  const actual = new Float32Array(tokens * numHeads * SIZE);
  const lse = new Float32Array(tokens * numHeads);
  const isGap = new Array<boolean>(rows).fill(true);
  let token = 0;
  for (const [s, length] of queryLens.entries()) {
    for (let t = 0; t < length; t++, token++) {
      const at = queryStarts[s]! + t;
      isGap[at] = false;
      for (let head = 0; head < numHeads; head++) {
        const row = token * numHeads + head;
        const from = (at * numHeads + head) * SIZE;
        actual.set(outputs.subarray(from, from + SIZE), row * SIZE);
        lse[row] = sums[head * rows + at]!;
      }
    }
  }
  const width = numHeads * SIZE;
  const areGapsUntouched = isGap.every(
    (gap, row) => !gap || outputs.subarray(row * width, (row + 1) * width).every((x) => x === 0),
  );
  return {
    errors: rowErrors(actual, expected.output, SIZE),
    lse: lseError(lse, expected.lse),
    areGapsUntouched,
  };
}
