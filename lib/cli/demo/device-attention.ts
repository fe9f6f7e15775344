import { type Batch, BlockPool, createBatch, type Device, type KvCache, type Tensor } from "../../index.js";
import type { AttentionPart, OnDevice } from "./attention-part.js";
import { DecodeGraph, type EnqueueLayer } from "./decode-graph.js";
import { DeviationProbe } from "./deviation.js";
import { EnqueueTimes } from "./enqueue-times.js";
import type { StepAttention } from "./generate.js";
import { KernelTimes } from "./kernel-times.js";
import type { Attend } from "./model.js";
import type { PromptMemory, Row, Sequence } from "./scheduler.js";

const BLOCK_SIZE = 16;

/** The most that a step may need. */
export interface Limits {
  readonly maxSequences: number;
  readonly maxTokens: number;
  /** Bytes of the longest sequence. */
  readonly maxLength: number;
}

/** The model's attention on a device, through the public API: one block pool and one batch serve all layers. */
export class DeviceAttention implements StepAttention, PromptMemory {
  readonly probe: DeviationProbe;
  readonly kernelTimes = new KernelTimes();
  readonly enqueueTimes = new EnqueueTimes();
  readonly #maxBlocksPerSequence: number;
  readonly #pool: BlockPool;
  readonly #cache: KvCache;
  readonly #batch: Batch;
  /** Inputs by name and the output, each long enough for any step: [maxTokens, ...its shape]. */
  readonly #inputs: Readonly<Record<string, Tensor>>;
  readonly #output: Tensor;
  /** By the number of sequences that decode. */
  readonly #graphs = new Map<number, DecodeGraph>();
  #rows: readonly Row[] = [];
  /** Of the current step, where it runs as one. */
  #graph: DecodeGraph | null = null;

  static async create(
    device: Device,
    part: AttentionPart,
    limits: Limits,
    { backend, graphs }: { backend?: string | undefined; graphs: boolean },
  ): Promise<DeviceAttention> {
    const made = await part.onDevice(device, { backend, blockSize: BLOCK_SIZE });
    return new DeviceAttention(device, part, limits, made, graphs);
  }

  private constructor(
    private readonly device: Device,
    private readonly part: AttentionPart,
    { maxSequences, maxTokens, maxLength }: Limits,
    private readonly made: OnDevice,
    private readonly usesGraphs: boolean,
  ) {
    const { layers, numHeads, valueSize, inputShapes } = part;
    this.probe = new DeviationProbe(part);
    const maxBlocksPerSequence = Math.ceil(maxLength / BLOCK_SIZE);
    const numBlocks = maxSequences * maxBlocksPerSequence;
    this.#maxBlocksPerSequence = maxBlocksPerSequence;
    this.#pool = new BlockPool({ numBlocks, blockSize: BLOCK_SIZE });
    this.#cache = this.attention.createKvCache({ numBlocks, layers });
    this.#batch = createBatch(device, { maxSequences, maxTokens, maxBlocksPerSequence });
    const tensor = (shape: readonly number[]) => device.empty([maxTokens, ...shape], "bfloat16");
    this.#inputs = Object.fromEntries(
      Object.entries(inputShapes).map(([name, shape]) => [name, tensor(shape)]),
    );
    this.#output = tensor([numHeads, valueSize]);
  }

  get attention() {
    return this.made.attention;
  }

  /** Bytes of prompts whose keys and values were there already. */
  get sharedBytes(): number {
    return this.#pool.counters.hitBlocks * BLOCK_SIZE;
  }

  admit(sequence: Sequence, running: readonly Sequence[]): boolean {
    const isReading = (other: Sequence) => other.cached < sharedLength(sequence, other);
    if (running.some(isReading)) return false;
    sequence.cached = this.#pool.match(sequence.id, sequence.bytes);
    this.probe.share(sequence);
    return true;
  }

  async begin(rows: readonly Row[]): Promise<void> {
    this.#rows = rows;
    for (const { sequence, queryLength } of rows) this.#pool.append(sequence.id, queryLength);
    const input = this.#pool.batch(
      rows.map(({ sequence, queryLength }) => ({ id: sequence.id, queryLength })),
    );
    this.#graph = rows.every(({ queryLength }) => queryLength === 1) ? this.#graphOf(rows.length) : null;
    if (this.#graph === null) this.#batch.update(input);
    else this.#graph.begin(input, this.part.layers, this.#enqueue);
  }

  /** The graph for decodes of so many sequences. A number that comes up for the first time runs without, to be compared. */
  #graphOf(sequences: number): DecodeGraph | null {
    if (!this.usesGraphs) return null;
    const known = this.#graphs.get(sequences);
    if (known !== undefined) return known;
    const limits = { sequences, maxBlocksPerSequence: this.#maxBlocksPerSequence };
    this.#graphs.set(sequences, new DecodeGraph(this.device, this.attention, limits));
    return null;
  }

  readonly #enqueue: EnqueueLayer = (layer, batch, stream) =>
    this.made.forward(layer, this.#inputs, {
      ...{ output: this.#output, cache: this.#cache.layer(layer), batch },
      ...(stream && { stream }),
    });

  readonly attend: Attend = async (layer, inputs) => {
    await Promise.all(
      Object.entries(inputs).map(([name, elements]) =>
        firstRows(this.#inputs[name]!, elements.length).write(elements),
      ),
    );
    const graph = this.#graph;
    if (graph === null) this.enqueueTimes.measure("without", () => this.#enqueue(layer, this.#batch));
    else {
      const replay = () => this.enqueueTimes.measure("withGraph", () => graph.launch(layer));
      this.kernelTimes.traceGraph(this.device.defaultStream, replay);
    }
    const tokens = this.#rows.reduce((sum, { queryLength }) => sum + queryLength, 0);
    const output = firstRows(this.#output, tokens * this.#output.shape[1]! * this.#output.shape[2]!);
    const attended = (await output.read()) as Uint16Array;
    await this.kernelTimes.collect();
    this.probe.observe(this.#rows, layer, inputs, attended);
    return attended;
  };

  end(rows: readonly Row[]): void {
    for (const { sequence, queryLength } of rows) {
      const written = Math.min(sequence.cached + queryLength, sequence.promptLength);
      this.#pool.commit(sequence.id, sequence.bytes.slice(0, written));
    }
  }

  release(sequence: Sequence): void {
    this.#pool.free(sequence.id);
    this.probe.release(sequence);
  }
}

/** The bytes of whole blocks that a sequence could take over from the prompt of another; its last one it reads itself. */
function sharedLength(sequence: Sequence, other: Sequence): number {
  const most = Math.min(sequence.promptLength - 1, other.promptLength);
  let length = 0;
  while (length < most && sequence.bytes[length] === other.bytes[length]) length++;
  return Math.floor(length / BLOCK_SIZE) * BLOCK_SIZE;
}

/** The first rows of a tensor [rows, ...shape], with as many elements as `elements`. */
function firstRows(tensor: Tensor, elements: number): Tensor {
  const shape = tensor.shape.slice(1);
  return tensor.view({ shape: [elements / shape.reduce((product, size) => product * size, 1), ...shape] });
}
