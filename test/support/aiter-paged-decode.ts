import { createBatch, type Device } from "../../lib/index.js";
import { LaunchPlan } from "../../lib/kernels/launch-plan.js";
import { type LocatedRow, loadKernel } from "../../lib/kernels/store.js";
import { KvCache } from "../../lib/kv-cache/cache.js";
import { AiterPagedDecode } from "../../lib/ops/aiter-paged-decode.js";
import type { AttentionCall } from "../../lib/ops/call.js";
import { operationConfig, operationLayout } from "./hip-kernels.js";
import { batchInput, type DataOptions, pagedData } from "./paged-data.js";
import { attend, type RowErrors, round, rowErrors } from "./reference.js";

export interface AiterDecodeOptions extends DataOptions {
  readonly row: LocatedRow;
  readonly dtype: "bfloat16" | "float16";
}

/** One step of decodes through AITER's assembly, in one run; unused slots hold NaN. */
export async function aiterPagedDecode(
  device: Device,
  { row, ...options }: AiterDecodeOptions,
): Promise<RowErrors> {
  const { shape, dtype, lengths } = options;
  const { numHeads, headSize } = shape;
  const data = pagedData(options);
  using cache = new KvCache(device, operationLayout("shuffled", shape, dtype), data.numBlocks, 1);
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
  return rowErrors(result, attend(data.step).output, headSize, dtype === "float16" ? 2 ** -14 : 0);
}
