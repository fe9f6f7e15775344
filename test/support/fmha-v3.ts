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
  const draw = (heads: number) => round("bfloat16", random.normals(heads * SIZE)).values;
  const queryLens = lengths.map(([, queries]) => queries);
  const keyLens = lengths.map(([keys, queries]) => (isCausal ? keys + queries : keys));
  const queries = queryLens.map((length) => draw(length * numHeads).map((x) => peak * x));
  const keys = keyLens.map((length) => draw(length * numKvHeads));
  const values = keyLens.map((length) => draw(length * numKvHeads));

  const spread = async (parts: readonly Float64Array[], heads: number) => {
    const gap = new Float64Array(GAP * heads * SIZE).fill(Number.NaN);
    const all = parts.flatMap((part) => [...part, ...gap]);
    const shape = [all.length / heads / SIZE, heads, SIZE];
    return device.upload(round("bfloat16", all).bits, { shape, dtype: "bfloat16" });
  };
  const starts = (lens: readonly number[], gap: number) => {
    const sums = [0];
    for (const length of lens) sums.push(sums.at(-1)! + length + gap);
    return Int32Array.from(sums);
  };
  const list = (data: Int32Array) => device.upload(data, { shape: [data.length], dtype: "int32" });
  const query = await spread(queries, numHeads);
  const key = await spread(keys, numKvHeads);
  const value = await spread(values, numKvHeads);
  const rows = query.shape[0]!;
  const output = device.zeros([rows, numHeads, SIZE], "bfloat16");
  const lse = device.zeros([numHeads, rows], "float32");
  const told = queryLens.map((length, s) => (s === mistake ? length - 1 : length));
  const queryStarts = starts(queryLens, GAP);
  const tables = await Promise.all(
    [queryStarts, starts(keyLens, GAP), starts(told, 0), starts(keyLens, 0)].map(list),
  );
  const [queryStartLoc, keyStartLoc, cumulativeQueryLens, cumulativeKeyLens] = tables.map(
    ({ pointer }) => pointer,
  ) as [bigint, bigint, bigint, bigint];

  const scale = SIZE ** -0.5;
  const config = operationConfig({ numHeads, numKvHeads, headSize: SIZE, blockSize: 16 }, "bfloat16");
  const operation = new FmhaV3([new LaunchPlan(loadKernel(device, row), row)], config, row.chips?.[0] ?? 0);
  const call = { query, key, value, output, lse: null } as unknown as DenseCall;
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
  const [outputs, sums] = await Promise.all([output.readFloat32(), lse.readFloat32()]);
  for (const tensor of [...tables, query, key, value, output, lse]) tensor.dispose();

  const expected = attend({
    shape: { numHeads, numKvHeads, headSize: SIZE, blockSize: 16 },
    lengths,
    query: Float64Array.from(queries.flatMap((part) => [...part])),
    keys,
    values,
    scale,
    attentionType: isCausal ? "decoder" : "encoder_decoder",
  });
  return compare(expected, outputs, sums, { numHeads, rows, queryLens, queryStarts });
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
