import { createBatch, type Device } from "../../lib/index.js";
import { LaunchPlan } from "../../lib/kernels/launch-plan.js";
import { type LocatedRow, loadKernel } from "../../lib/kernels/store.js";
import { KvCache } from "../../lib/kv-cache/cache.js";
import { AiterPagedDecode } from "../../lib/ops/aiter-paged-decode.js";
import type { AttentionCall } from "../../lib/ops/call.js";
import { operationConfig, operationLayout } from "./hip-kernels.js";
import {
  batchInput,
  type DataOptions,
  pagedData,
  type TokenCache,
  type TokenScaled,
  tokenDType,
} from "./paged-data.js";
import { attend, type RowErrors, round, rowErrors } from "./reference.js";

export interface AiterDecodeOptions extends DataOptions {
  readonly row: LocatedRow;
  readonly dtype: "bfloat16" | "float16";
}

/** How the cache of a row holds tokens, where it has scales of theirs. */
function tokenCacheOf({ serves }: LocatedRow, arch: string): TokenCache | undefined {
  const [stored] = serves.kvCacheDtypes!;
  if (stored === "auto") return undefined;
  return { dtype: tokenDType(stored as TokenScaled, arch) };
}

/**
 * One step of decodes through AITER's assembly, in one run, against float64 over queries that are rounded as the kernel
 * rounds them. `together`: the error of all elements together.
 */
export async function aiterPagedDecode(
  device: Device,
  { row, ...options }: AiterDecodeOptions,
): Promise<RowErrors & { readonly together: number }> {
  const { shape, dtype, lengths } = options;
  const { numHeads, headSize } = shape;
  const tokenCache = tokenCacheOf(row, device.info.arch);
  const data = pagedData({ ...options, tokenCache });
  const layout = operationLayout("shuffled", shape, tokenCache?.dtype ?? dtype, tokenCache !== undefined);
  using cache = new KvCache(device, layout, data.numBlocks, 1);
  // The kernels multiply what lies in unused slots by 0.
  await cache.memory(0).write(data.image("shuffled", "after", 0));
  const input = batchInput(lengths);
  const tokens = input.queryStartLoc.at(-1)!;
  using batch = createBatch(device, {
    maxSequences: lengths.length,
    maxTokens: tokens,
    maxBlocksPerSequence: Math.max(...data.blockTable.map((blocks) => blocks.length)),
    blockSize: shape.blockSize,
  });
  batch.update({ ...input, blockTable: data.blockTable });
  const rows = [tokens, numHeads, headSize];
  using query = await device.upload(round(dtype, data.step.query).bits, { shape: rows, dtype });
  using output = device.zeros(rows, dtype);
  const decode = new AiterPagedDecode(
    new LaunchPlan(loadKernel(device, row), row),
    operationConfig(shape, dtype),
  );
  const call = { query, output, lse: null, cache: cache.layer(0) } as unknown as AttentionCall;
  const queryTokens = Math.max(...lengths.map(([, length]) => length));
  const run = { first: 0, sequences: lengths.length, firstToken: 0, queryTokens };
  decode.launch(call, batch, run, device.defaultStream);
  const result = await output.readFloat32();
  const { step } = data;
  const taken = tokenCache === undefined ? step.query : quantised(step.query, headSize, tokenCache);
  const expected = attend({ ...step, query: taken }).output;
  return {
    ...rowErrors(result, expected, headSize, dtype === "float16" ? 2 ** -14 : 0),
    together: rowErrors(result, expected, result.length).rms,
  };
}

/** Query rows as kernels over caches of 8 bits take them: times a factor, rounded to the nearest, to int8 towards zero. */
function quantised(query: Float64Array, headSize: number, { dtype }: TokenCache): Float64Array {
  const isInteger = dtype === "int8";
  const most = isInteger ? 127 : round(dtype, [1e9]).values[0]!;
  const rounded = new Float64Array(query.length);
  for (let row = 0; row < query.length; row += headSize) {
    const values = query.subarray(row, row + headSize);
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
    const factor = Math.fround(most * Math.fround(1 / largest));
    const { values: codes } = round(
      dtype,
      values.map((value) => (isInteger ? Math.trunc : Math.fround)(value * factor)),
    );
    for (const [i, code] of codes.entries()) rounded[row + i] = code / factor;
  }
  return rounded;
}
