import { createBatch, type Device, type Tensor } from "../../lib/index.js";
import { KvCache } from "../../lib/kv-cache/cache.js";
import { CacheWrite } from "../../lib/ops/cache-write.js";
import type { AttentionCall } from "../../lib/ops/call.js";
import { PagedDecode } from "../../lib/ops/paged-decode.js";
import { hipPlan, operationConfig, operationLayout } from "./hip-kernels.js";
import type { CaseOptions } from "./paged-case.js";
import { batchInput, pagedData } from "./paged-data.js";
import { attend, type Expected, type RowErrors, round, rowErrors } from "./reference.js";

export interface DecodeOptions extends CaseOptions {
  readonly dtype: "bfloat16" | "float16";
  /** Query tokens of a sequence that the kernels take. Default: as many as there are. */
  readonly queryTokens?: number;
  /** What the split is planned for. Default: the device's. */
  readonly computeUnits?: number;
}

export interface Decoded {
  readonly output: Float32Array;
  readonly lse: Float32Array;
  readonly bits: Uint16Array;
  readonly expected: Expected;
  readonly errors: RowErrors;
}

/**
 * One step of decodes on random data through reshape_and_cache, paged_attention and paged_attention_reduce. All unused
 * slots, and the workspace, hold NaN.
 */
export async function pagedDecode(device: Device, options: DecodeOptions): Promise<Decoded> {
  const { shape, dtype, lengths, batchInvariant = false } = options;
  const { numHeads, numKvHeads, headSize, blockSize } = shape;
  const { step, blockTable, image, numBlocks, newKeys, newValues } = pagedData(options);
  const { slidingWindow = null, logitsSoftCap = null, alibiSlopes, sinks } = step;
  const config = operationConfig(shape, dtype, { batchInvariant, slidingWindow, logitsSoftCap });
  const kind = `${dtype}.d${headSize}`;
  const plans = ["paged_attention", "paged_attention_reduce"].map((name) =>
    hipPlan(device, `hip.${name}.${kind}`),
  );
  const computeUnits = options.computeUnits ?? device.info.computeUnits;
  const decode = new PagedDecode(plans[0]!, plans[1]!, config, computeUnits);
  const write = new CacheWrite(hipPlan(device, "hip.reshape_and_cache"), config);

  using cache = new KvCache(device, operationLayout("split", shape, dtype), numBlocks, 1);
  await cache.memory(0).write(image("split"));
  const input = batchInput(lengths);
  const tokens = input.queryStartLoc.at(-1)!;
  const limits = {
    maxSequences: lengths.length,
    maxTokens: tokens,
    maxBlocksPerSequence: Math.max(...blockTable.map((row) => row.length)),
    maxKeyTokens: 0,
    maxQueryLen: tokens,
    blockSize,
  };
  using batch = createBatch(device, limits);
  options.mutate?.(input);
  batch.update({ ...input, blockTable });

  const tensors: Tensor[] = [];
  const upload = async (data: Float64Array, heads: number) => {
    tensors.push(await device.upload(round(dtype, data).bits, { shape: [tokens, heads, headSize], dtype }));
    return tensors.at(-1)!;
  };
  const uploadRow = async (bits: Uint16Array | Float32Array | Uint8Array, type: typeof dtype | "float32") => {
    tensors.push(await device.upload(bits, { shape: [numHeads], dtype: type }));
    return tensors.at(-1)!;
  };
  const slopes = alibiSlopes && (await uploadRow(Float32Array.from(alibiSlopes), "float32"));
  const call = {
    query: await upload(step.query, numHeads),
    key: await upload(newKeys, numKvHeads),
    value: await upload(newValues, numKvHeads),
    output: device.zeros([tokens, numHeads, headSize], dtype),
    lse: device.zeros([tokens, numHeads], "float32"),
    sinks: sinks === undefined ? null : await uploadRow(round(dtype, sinks).bits, dtype),
    cache: cache.layer(0),
  } as unknown as AttentionCall;
  const queryTokens = options.queryTokens ?? Math.max(...lengths.map(([, length]) => length));
  const bytes = decode.workspaceBytes(limits, queryTokens);
  const nan = new Uint8Array(bytes).fill(0xff);
  using workspace = await device.upload(nan, { shape: [bytes], dtype: "uint8" });

  write.launch(call, batch, tokens, device.defaultStream);
  const split = decode.plan(lengths.length, queryTokens, Math.max(...input.seqLens));
  decode.launch(call, batch, split, slopes?.pointer ?? 0n, workspace.pointer, device.defaultStream);
  const [output, bits, lse] = await Promise.all([
    call.output.readFloat32(),
    call.output.read(),
    call.lse!.readFloat32(),
  ]);
  for (const tensor of [...tensors, call.output, call.lse!]) tensor.dispose();
  const expected = attend(options.mistake?.(step) ?? step);
  return {
    output,
    lse,
    bits: bits as Uint16Array,
    expected,
    errors: rowErrors(output, expected.output, headSize),
  };
}
