import { fp8Encoding } from "../../lib/catalog/targets.js";
import { createBatch, type Device } from "../../lib/index.js";
import { LaunchPlan } from "../../lib/kernels/launch-plan.js";
import { type LocatedRow, loadKernel } from "../../lib/kernels/store.js";
import { KvCache } from "../../lib/kv-cache/cache.js";
import { AiterTritonDecode } from "../../lib/ops/aiter-triton-decode.js";
import type { AttentionCall } from "../../lib/ops/call.js";
import { operationConfig, operationLayout } from "./hip-kernels.js";
import { batchInput, type DataOptions, pagedData } from "./paged-data.js";
import { attend, type RowErrors, round, rowErrors } from "./reference.js";
import { everyRow } from "./test-kernels.js";

export interface TritonDecodeOptions extends Omit<DataOptions, "fp8Cache" | "lengths"> {
  readonly dtype: "bfloat16" | "float16";
  /** Keys of each sequence. */
  readonly keys: readonly number[];
  readonly layout: "halves" | "paired";
  /** Of an fp8 cache. */
  readonly scales?: { readonly kScale: number; readonly vScale: number };
  /** The length of the first sequence as the kernels are told it: a mistake that the comparison must see. */
  readonly mistake?: number;
}

/** Rows of AITER's paged decode in Triton for a target. */
export function tritonDecodeRows(arch: string): LocatedRow[] {
  return everyRow(arch).filter(({ id }) => id.startsWith("aiter.paged_decode_v"));
}

/** One step of decodes; unused slots and the workspace hold NaN. Gives the operations that ran, too. */
export async function tritonDecode(
  device: Device,
  { keys, layout, scales, mistake, ...options }: TritonDecodeOptions,
): Promise<{ errors: RowErrors; partitions: number | null }> {
  const { shape, dtype, features } = options;
  const { numHeads, headSize, blockSize } = shape;
  const fp8 = scales && fp8Encoding(device.info.arch)!;
  const lengths = keys.map((count) => [count - 1, 1] as const);
  const fp8Cache = scales && { dtype: fp8!, ...scales, roundedTo: dtype };
  const { step, blockTable, image, numBlocks } = pagedData({ ...options, lengths, fp8Cache });
  const config = operationConfig(shape, dtype, {
    alibiSlopes: step.alibiSlopes === undefined ? null : Array.from(step.alibiSlopes),
  });
  const decode = decodeOf(device, config, scales ? "fp8" : "auto", features?.alibi ?? false);

  using cache = new KvCache(device, operationLayout(layout, shape, fp8 ?? dtype), numBlocks, 1);
  await cache.memory(0).write(image(layout, "after"));
  using batch = createBatch(device, {
    ...{ maxSequences: keys.length, maxTokens: keys.length, maxQueryLen: 1, blockSize },
    maxBlocksPerSequence: Math.max(...blockTable.map((blocks) => blocks.length)),
  });
  const input = batchInput(lengths);
  batch.update({
    ...input,
    seqLens: mistake ? [mistake, ...input.seqLens.slice(1)] : input.seqLens,
    blockTable,
  });
  const rows = [keys.length, numHeads, headSize];
  using query = await device.upload(round(dtype, step.query).bits, { shape: rows, dtype });
  using output = device.zeros(rows, dtype);
  using slopes = await device.upload(Float32Array.from(step.alibiSlopes ?? [0]), {
    ...{ shape: [step.alibiSlopes?.length ?? 1], dtype: "float32" },
  });
  const bytes = decode.workspaceBytes(batch.limits);
  using workspace = await device.upload(new Uint8Array(bytes).fill(0xff), { shape: [bytes], dtype: "uint8" });
  const given = {
    lse: null,
    sinks: null,
    outputScale: null,
    kScale: scales?.kScale ?? null,
    vScale: scales?.vScale ?? null,
  };
  const call = { query, output, ...given, cache: cache.layer(0) } as unknown as AttentionCall;
  const planned = decode.plan(batch.step.shape);
  decode.launch(call, batch, planned, slopes.pointer, workspace.pointer, device.defaultStream);
  const result = await output.readFloat32();
  const smallest = dtype === "float16" ? 2 ** -14 : 0;
  return {
    errors: rowErrors(result, attend(step).output, headSize, smallest),
    partitions: planned.partitions,
  };
}

/** The operation for a configuration. */
export function decodeOf(
  device: Device,
  config: ReturnType<typeof operationConfig>,
  cache: "auto" | "fp8",
  hasAlibi: boolean,
): AiterTritonDecode {
  const plans = (operation: string) =>
    tritonDecodeRows(device.info.arch)
      .filter(
        ({ operation: name, serves }) =>
          name === operation &&
          serves.dtypes!.includes(config.dtype) &&
          String(serves.headSizes && Object.values(serves.headSizes)) === String(config.headSize) &&
          (serves.kvCacheDtypes?.includes(cache) ?? true) &&
          "alibi" in serves.features === (hasAlibi || operation.endsWith("reduce")),
      )
      .map((row) => new LaunchPlan(loadKernel(device, row), row));
  const [whole] = plans("paged_decode_v1");
  const [split] = plans("paged_decode_v2");
  return new AiterTritonDecode(
    { whole: whole!, split: split!, reductions: plans("paged_decode_v2_reduce") },
    config,
  );
}
