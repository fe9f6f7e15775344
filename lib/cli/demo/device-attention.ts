import {
  type Attention,
  type Batch,
  BlockPool,
  createAttention,
  createBatch,
  type Device,
  type KvCache,
  type Tensor,
} from "../../index.js";
import { DeviationProbe } from "./deviation.js";
import type { StepAttention } from "./generate.js";
import { KernelTimes } from "./kernel-times.js";
import type { Attend, ModelConfig } from "./model.js";
import type { Row, Sequence } from "./scheduler.js";

const BLOCK_SIZE = 16;

/** The most that a step may need. */
export interface Limits {
  readonly maxSequences: number;
  readonly maxTokens: number;
  /** Bytes of the longest sequence. */
  readonly maxLength: number;
}

/** The model's attention on a device, through the public API: one block pool and one batch serve all layers. */
export class DeviceAttention implements StepAttention {
  readonly attention: Attention;
  readonly probe: DeviationProbe;
  readonly kernelTimes = new KernelTimes();
  readonly #pool: BlockPool;
  readonly #cache: KvCache;
  readonly #batch: Batch;
  /** Each long enough for any step: [maxTokens, heads, headSize]. */
  readonly #query: Tensor;
  readonly #key: Tensor;
  readonly #value: Tensor;
  readonly #output: Tensor;
  #rows: readonly Row[] = [];

  constructor(device: Device, config: ModelConfig, limits: Limits, backend?: string) {
    const { layers, numHeads, numKvHeads, headSize } = config;
    const { maxSequences, maxTokens, maxLength } = limits;
    this.attention = createAttention(device, {
      ...{ numHeads, numKvHeads, headSize, backend },
      dtype: "bfloat16",
      blockSize: BLOCK_SIZE,
    });
    this.probe = new DeviationProbe(config);
    const maxBlocksPerSequence = Math.ceil(maxLength / BLOCK_SIZE);
    const numBlocks = maxSequences * maxBlocksPerSequence;
    this.#pool = new BlockPool({ numBlocks, blockSize: BLOCK_SIZE });
    this.#cache = this.attention.createKvCache({ numBlocks, layers });
    this.#batch = createBatch(device, { maxSequences, maxTokens, maxBlocksPerSequence });
    const tensor = (heads: number) => device.empty([maxTokens, heads, headSize], "bfloat16");
    this.#query = tensor(numHeads);
    this.#key = tensor(numKvHeads);
    this.#value = tensor(numKvHeads);
    this.#output = tensor(numHeads);
  }

  async begin(rows: readonly Row[]): Promise<void> {
    this.#rows = rows;
    for (const { sequence, queryLength } of rows) this.#pool.append(sequence.id, queryLength);
    const input = this.#pool.batch(
      rows.map(({ sequence, queryLength }) => ({ id: sequence.id, queryLength })),
    );
    this.#batch.update(input);
  }

  readonly attend: Attend = async (layer, query, key, value) => {
    const output = firstRows(this.#output, query);
    await Promise.all([
      firstRows(this.#query, query).write(query),
      firstRows(this.#key, key).write(key),
      firstRows(this.#value, value).write(value),
    ]);
    this.attention.forward({
      query: this.#query,
      key: this.#key,
      value: this.#value,
      output: this.#output,
      cache: this.#cache.layer(layer),
      batch: this.#batch,
    });
    const attended = (await output.read()) as Uint16Array;
    await this.kernelTimes.collect();
    this.probe.observe(this.#rows, layer, query, key, value, attended);
    return attended;
  };

  release(sequence: Sequence): void {
    this.#pool.free(sequence.id);
    this.probe.release(sequence);
  }
}

/** The part of a tensor [rows, heads, headSize] that holds as many elements as `elements`. */
function firstRows(tensor: Tensor, elements: Uint16Array): Tensor {
  const [, heads, headSize] = tensor.shape as [number, number, number];
  return tensor.view({ shape: [elements.length / (heads * headSize), heads, headSize] });
}
