import { fp8Encoding } from "../../lib/catalog/targets.js";
import { usesCache } from "../../lib/config.js";
import {
  type Attention,
  type AttentionConfig,
  type Batch,
  createAttention,
  createBatch,
  type Device,
  type ForwardOptions,
  type KvCache,
  type KvCacheLayer,
  type Tensor,
} from "../../lib/index.js";
import { BACKENDS, type BackendUnderTest, hasLse } from "./backends.js";
import { batchInput, type DataOptions, type PagedData, pagedData, tokenDType } from "./paged-data.js";
import {
  attend,
  type Expected,
  isAccurate,
  lseError,
  type RowErrors,
  round,
  rowErrors,
  type Step,
} from "./reference.js";
import { Evidence } from "./verified.js";

export interface CaseOptions extends Omit<DataOptions, "fp8Cache"> {
  /** Of an fp8 cache. Default: the cache is in the dtype of the query. */
  readonly scales?: Scales | undefined;
  readonly batchInvariant?: boolean;
  /** Elements behind each row of the call's values. Default 0; then they stand as the keys do. */
  readonly valueGap?: number;
  /** Default: TRITON_ATTN. */
  readonly under?: BackendUnderTest;
  /** Default: process.env. */
  readonly env?: AttentionConfig["env"];
  /** Score and mask functions, and what they make of a score. */
  readonly functions?: Pick<AttentionConfig, "scoreMod" | "maskMod"> & Pick<Step, "modify">;
  /** Changes the step that the reference attends to: a mistake that the comparison must see. */
  readonly mistake?: (step: Step) => Step;
  /** Changes what the device is told of the step: a mistake that the comparison must see. */
  readonly mutate?: (input: { seqLens: number[]; queryStartLoc: number[] }) => void;
}

export interface RunOptions {
  readonly attendOnly?: boolean;
  readonly layer?: KvCacheLayer;
  readonly outputScale?: Tensor | number | undefined;
  /** Whether the call wants no LSE though the backend computes it. */
  readonly withoutLse?: boolean;
}

/** Scales of an fp8 cache, and whether the call gets them as numbers or in memory. */
export interface Scales {
  readonly kScale: number;
  readonly vScale: number;
  readonly as: "number" | "tensor";
}

/**
 * One attention call on random data: the context lies in the cache already, in permuted blocks whose unused slots (and all
 * other blocks) hold NaN; the query tokens' keys and values are written by the call.
 */
export class PagedCase implements AsyncDisposable {
  readonly expected: Expected;
  readonly #tensors: Tensor[] = [];
  readonly #evidence = new Evidence();

  private constructor(
    readonly options: CaseOptions,
    readonly attention: Attention,
    readonly batch: Batch,
    /** null: an encoder's. */
    private readonly ownCache: KvCache | null,
    private readonly inputs: Pick<ForwardOptions, "sinks" | "kScale" | "vScale"> & {
      query: Tensor;
      key: Tensor;
      value: Tensor;
    },
    expected: Expected,
    readonly data: PagedData,
  ) {
    this.expected = expected;
  }

  static async create(device: Device, options: CaseOptions): Promise<PagedCase> {
    const { shape, dtype, lengths, batchInvariant = false, under = BACKENDS[0]! } = options;
    const { attentionType = "decoder" } = options;
    const { numHeads, numKvHeads, headSize, blockSize } = shape;
    const { arch } = device.info;
    const fp8Cache = options.scales && {
      dtype: fp8Encoding(arch)!,
      roundedTo: under.roundsFp8 ? dtype : null,
      ...options.scales,
    };
    const tokenCache = under.kvCacheDtype && {
      dtype: tokenDType(under.kvCacheDtype, arch),
      roundedTo: under.roundsFp8 ? dtype : null,
    };
    const data = pagedData({ ...options, fp8Cache, tokenCache });
    const { step, blockTable, image, numBlocks, newKeys, newValues } = data;
    const attention = createAttention(device, {
      ...{ numHeads, numKvHeads, headSize, dtype, blockSize, batchInvariant, backend: under.backend },
      ...configOf(step),
      ...{ scoreMod: options.functions?.scoreMod, maskMod: options.functions?.maskMod },
      kvCacheDtype: options.scales ? "fp8" : under.kvCacheDtype,
      attentionType,
      env: options.env ?? under.env,
    });
    const isEncoder = !usesCache({ attentionType });
    const cache = isEncoder ? null : attention.createKvCache({ numBlocks });
    const unused = cache?.layout.cleared ? 0 : Number.NaN;
    await cache?.memory(0).write(image(under.layout, "before", unused));

    const { queryStartLoc, seqLens } = batchInput(lengths, attentionType);
    const tokens = queryStartLoc.at(-1)!;
    const keyTokens = newKeys.length / numKvHeads / headSize;
    const batch = createBatch(device, {
      maxSequences: lengths.length,
      maxTokens: Math.max(1, tokens),
      maxBlocksPerSequence: isEncoder ? 0 : Math.max(1, ...blockTable.map((row) => row.length)),
      ...(attentionType === "encoder_decoder" && { maxKeyTokens: Math.max(1, keyTokens) }),
      blockSize,
    });
    const keySlotMapping = seqLens.flatMap((length, s) => slotsOf(blockTable[s]!, length, blockSize));
    options.mutate?.({ seqLens, queryStartLoc });
    batch.update({
      queryStartLoc,
      ...(!isEncoder && { seqLens, blockTable }),
      ...(attentionType === "encoder_decoder" && { keySlotMapping }),
    });

    const upload = async (data: Float64Array, heads: number, gap = 0) => {
      const [width, stride] = [heads * headSize, heads * headSize + gap];
      const rows = data.length / width;
      const spread = new Float64Array(rows * stride).fill(Number.NaN);
      for (let row = 0; row < rows; row++) {
        spread.set(data.subarray(row * width, (row + 1) * width), row * stride);
      }
      const tensor = await device.upload(round(dtype, spread).bits, {
        shape: gap === 0 ? [rows, heads, headSize] : [rows * stride],
        dtype,
      });
      const shape = [rows, heads, headSize];
      return gap === 0 ? tensor : tensor.view({ shape, strides: [stride, headSize, 1] });
    };
    const inputs = {
      query: await upload(step.query, numHeads),
      key: await upload(newKeys, numKvHeads),
      value: await upload(newValues, numKvHeads, options.valueGap),
      ...(step.sinks && {
        sinks: await device.upload(round(dtype, step.sinks).bits, { shape: [numHeads], dtype }),
      }),
    };
    const { kScale, vScale } = options.scales ?? {};
    const scales = {
      ...(kScale !== undefined && { kScale: await giveScale(device, options.scales!, kScale) }),
      ...(vScale !== undefined && { vScale: await giveScale(device, options.scales!, vScale) }),
    };
    const reference = { ...step, modify: options.functions?.modify };
    const expected = attend(options.mistake?.(reference) ?? reference);
    return new PagedCase(options, attention, batch, cache, { ...inputs, ...scales }, expected, data);
  }

  get cache(): KvCache {
    if (this.ownCache === null) throw new Error("an encoder has no cache");
    return this.ownCache;
  }

  /**
   * Runs the call and gives its result, [tokens, numHeads, headSize] and [tokens, numHeads]; lse is null where the backend
   * has none. `attendOnly` leaves keys and values as an earlier call wrote them; `layer` stands in for the cache of the case; `outputScale` makes the output fp8.
   */
  async run({
    attendOnly = false,
    layer = this.ownCache?.layer(0),
    outputScale,
    withoutLse = false,
  }: RunOptions = {}): Promise<{ output: Float32Array; lse: Float32Array | null; bits: Uint16Array }> {
    const { attention, batch } = this;
    const { key, value, ...attending } = this.inputs;
    const inputs = attendOnly ? attending : this.inputs;
    const { numHeads } = this.options.shape;
    const dtype = outputScale === undefined ? this.options.dtype : fp8Encoding(attention.device.info.arch)!;
    const output = attention.device.empty(inputs.query.shape, dtype);
    this.#tensors.push(output);
    const lse =
      hasLse(attention) && !withoutLse
        ? attention.device.empty([inputs.query.shape[0]!, numHeads], "float32")
        : undefined;
    if (lse !== undefined) this.#tensors.push(lse);
    const values = await this.#evidence.of(() => {
      attention.forward({ ...inputs, output, lse, outputScale, cache: layer, batch });
      return output.readFloat32();
    });
    const bits = (await output.read()) as Uint16Array;
    return { output: values, bits, lse: lse === undefined ? null : await lse.readFloat32() };
  }

  /** The largest difference of a log-sum-exp; 0 where the backend has none. */
  lseError(lse: Float32Array | null): number {
    return lse === null ? 0 : lseError(lse, this.expected.lse);
  }

  errors(output: ArrayLike<number>): RowErrors {
    const { dtype, shape, mistake, mutate } = this.options;
    const least = dtype === "float16" ? 2 ** -14 : 0;
    const errors = rowErrors(output, this.expected.output, shape.headSize, least);
    if (!mistake && !mutate && isAccurate(errors, dtype)) this.#evidence.accept(this.attention.device.info);
    return errors;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.attention.device.defaultStream.synchronize();
    for (const tensor of [...Object.values(this.inputs), ...this.#tensors]) {
      if (typeof tensor === "object") tensor.dispose();
    }
    this.attention.dispose();
    this.batch.dispose();
    this.ownCache?.dispose();
  }
}

/** The options of `createAttention` for the features of a step. */
function configOf({ slidingWindow, logitsSoftCap, alibiSlopes, sinks }: Step): Partial<AttentionConfig> {
  return { slidingWindow, logitsSoftCap, alibiSlopes, sinks: sinks !== undefined };
}

/** The slots of a sequence's first keys. */
function slotsOf(blocks: readonly number[], length: number, blockSize: number): number[] {
  return Array.from(
    { length },
    (_, key) => blocks[Math.floor(key / blockSize)]! * blockSize + (key % blockSize),
  );
}

/** A scale as a call takes it. */
export async function giveScale(device: Device, { as }: Scales, scale: number): Promise<Tensor | number> {
  if (as === "number") return scale;
  return device.upload(Float32Array.of(scale), { shape: [1], dtype: "float32" });
}
