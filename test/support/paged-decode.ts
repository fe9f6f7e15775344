import { matches, type Sizes } from "../../lib/catalog/sizes.js";
import { fp8Encoding } from "../../lib/catalog/targets.js";
import { createBatch, type Device, type Tensor } from "../../lib/index.js";
import { KvCache } from "../../lib/kv-cache/cache.js";
import type { LayoutName } from "../../lib/kv-cache/layouts.js";
import type { AttentionCall } from "../../lib/ops/call.js";
import { PagedDecode } from "../../lib/ops/paged-decode.js";
import { hipPlans, operationConfig, operationLayout } from "./hip-kernels.js";
import { type CaseOptions, giveScale } from "./paged-case.js";
import { batchInput, pagedData, quantisedByRow, type TokenScaled, tokenDType } from "./paged-data.js";
import { attend, type Expected, type Rounded, type RowErrors, round, rowErrors } from "./reference.js";

export interface DecodeOptions extends Omit<CaseOptions, "under"> {
  readonly dtype: "bfloat16" | "float16";
  /** Default: split. */
  readonly layout?: LayoutName;
  /** Query tokens of a sequence that the kernels take. Default: as many as there are. */
  readonly queryTokens?: number;
  /** What the split is planned for. Default: the device's. */
  readonly computeUnits?: number;
  readonly xcds?: number;
  /** A cache of the layout shuffled with a scale for each token and head. */
  readonly tokenScales?: TokenScaled | undefined;
  /** Products in fp8 too. */
  readonly fp8Products?: boolean;
}

export interface Decoded {
  readonly output: Float32Array;
  readonly lse: Float32Array;
  readonly bits: Uint16Array;
  /** With products in fp8: over rounded queries. */
  readonly expected: Expected;
  readonly errors: RowErrors;
  /** rms(error) / rms(reference) of all elements together, over the queries as they were given. */
  readonly lossToProducts: number;
}

/**
 * One step of decodes on random data through paged_attention and paged_attention_reduce. All unused slots, and the
 * workspace, hold NaN.
 */
export async function pagedDecode(device: Device, options: DecodeOptions): Promise<Decoded> {
  const { shape, dtype, lengths, layout = "split", scales, batchInvariant = false } = options;
  const { numHeads, headSize, blockSize } = shape;
  const { tokenScales } = options;
  const fp8 = scales && fp8Encoding(device.info.arch)!;
  const tokenCache = tokenScales && { dtype: tokenDType(tokenScales, device.info.arch) };
  const stored = tokenCache?.dtype ?? fp8 ?? dtype;
  const fp8Cache = scales && { dtype: fp8!, roundedTo: null, ...scales };
  const data = pagedData({ ...options, fp8Cache, tokenCache });
  const { step, blockTable, image, numBlocks } = data;
  const { slidingWindow = null, logitsSoftCap = null, alibiSlopes, sinks } = step;
  const config = operationConfig(shape, dtype, { batchInvariant, slidingWindow, logitsSoftCap });
  const plans = (operation: string) =>
    hipPlans(
      device,
      ({ operation: name, serves }) =>
        name === operation &&
        serves.dtypes!.includes(dtype) &&
        matches(serves.headSizes as Sizes, headSize) &&
        (serves.layouts?.includes(layout) ?? true) &&
        (serves.kvCacheDtypes?.includes(tokenScales ?? (scales ? "fp8" : "auto")) ?? true),
    );
  const attends = plans(options.fp8Products ? "paged_attention_fp8" : "paged_attention");
  const [reduce] = plans("paged_attention_reduce");
  const { computeUnits, xcds } = { ...device.info, ...options };
  const decode = new PagedDecode(attends, reduce!, config, { computeUnits, xcds });

  const cacheLayout = operationLayout(layout, shape, stored, tokenScales !== undefined);
  using cache = new KvCache(device, cacheLayout, numBlocks, 1);
  await cache.memory(0).write(image(layout, "after"));
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
  const uploadRow = async (bits: Rounded["bits"], type: typeof dtype | "float32") => {
    tensors.push(await device.upload(bits, { shape: [numHeads], dtype: type }));
    return tensors.at(-1)!;
  };
  const slopes = alibiSlopes && (await uploadRow(Float32Array.from(alibiSlopes), "float32"));
  const call = {
    query: await upload(step.query, numHeads),
    output: device.zeros([tokens, numHeads, headSize], dtype),
    lse: device.zeros([tokens, numHeads], "float32"),
    sinks: sinks === undefined ? null : await uploadRow(round(dtype, sinks).bits, dtype),
    kScale: scales ? await giveScale(device, scales, scales.kScale) : null,
    vScale: scales ? await giveScale(device, scales, scales.vScale) : null,
    outputScale: null,
    cache: cache.layer(0),
  } as unknown as AttentionCall;
  const queryTokens = options.queryTokens ?? Math.max(...lengths.map(([, length]) => length));
  const bytes = decode.workspaceBytes(limits, queryTokens);
  const nan = new Uint8Array(bytes).fill(0xff);
  using workspace = await device.upload(nan, { shape: [bytes], dtype: "uint8" });

  const split = decode.plan(lengths.length, queryTokens, Math.max(...input.seqLens));
  decode.launch(call, batch, split, slopes?.pointer ?? 0n, workspace.pointer, device.defaultStream);
  const [output, bits, lse] = await Promise.all([
    call.output.readFloat32(),
    call.output.read(),
    call.lse!.readFloat32(),
  ]);
  for (const tensor of [...tensors, call.output, call.lse!]) tensor.dispose();
  const attended = options.mistake?.(step) ?? step;
  const asGiven = attend(attended);
  const expected = options.fp8Products
    ? attend({ ...attended, query: quantisedByRow({ dtype: fp8! }, step.query, headSize).values })
    : asGiven;
  return {
    output,
    lse,
    bits: bits as Uint16Array,
    expected,
    errors: rowErrors(output, expected.output, headSize),
    lossToProducts: rowErrors(output, asGiven.output, output.length).rms,
  };
}
