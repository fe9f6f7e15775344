import { BlockPool, createBatch } from "rocm-attention";
import { KernelTimes } from "../../dist/cli/demo/kernel-times.js";
import { BLOCK_SIZE, modelStep, pending, sharedLength } from "./sequence.mjs";

/**
 * @import { Device, Tensor } from "rocm-attention"
 * @import { AttentionInputs } from "../../dist/cli/demo/attention-part.js"
 * @import { LanguageModel } from "../../dist/cli/demo/model.js"
 * @import { Sampler } from "../../dist/cli/demo/sampler.js"
 * @import { Row, Sequence } from "./sequence.mjs"
 */

/**
 * The most that the engine is to hold: sequences of a step, tokens of a step, tokens of a sequence, blocks of the cache.
 * @typedef {{ maxSequences: number, maxTokens: number, maxLength: number, numBlocks: number }} EngineLimits
 */

/**
 * Continuous batching: requests come and go between steps. A step takes one token of every sequence that is decoding and
 * fills up with chunks of prompts. Prompts that begin alike are computed once. Where blocks run out, the youngest
 * sequence gives its blocks back and is computed again later.
 */
export class Engine {
  /** @type {Sequence[]} */ #waiting = [];
  /** @type {Sequence[]} */ #running = [];
  /** @type {Promise<void> | null} */ #loop = null;
  #nextId = 0;
  /** @type {number[]} When each of the latest tokens was written. */ #written = [];
  #preemptions = 0;
  #steps = 0;
  #kernelTimes = new KernelTimes();

  /**
   * Makes the model's attention on a device.
   * @param {Device} device
   * @param {LanguageModel} model
   * @param {EngineLimits} limits
   */
  static async create(device, model, limits) {
    const made = await model.attention.onDevice(device, { blockSize: BLOCK_SIZE });
    const engine = new Engine(device, model, limits, made);
    await made.attention.warmUp(engine.batch);
    return engine;
  }

  /**
   * @private
   * @param {Device} device
   * @param {LanguageModel} model
   * @param {EngineLimits} limits
   * @param {Awaited<ReturnType<LanguageModel["attention"]["onDevice"]>>} made
   */
  constructor(device, model, limits, made) {
    const { layers, numHeads, valueSize, inputShapes } = model.attention;
    const { maxSequences, maxTokens, maxLength, numBlocks } = limits;
    this.model = model;
    this.limits = limits;
    this.made = made;
    this.pool = new BlockPool({ numBlocks, blockSize: BLOCK_SIZE });
    this.cache = made.attention.createKvCache({ numBlocks, layers });
    const maxBlocksPerSequence = Math.ceil(maxLength / BLOCK_SIZE);
    this.batch = createBatch(device, { maxSequences, maxTokens, maxBlocksPerSequence });
    /** @param {readonly number[]} shape */
    const tensor = (shape) => device.empty([maxTokens, ...shape], "bfloat16");
    this.inputs = Object.fromEntries(
      Object.entries(inputShapes).map(([name, shape]) => [name, tensor(shape)]),
    );
    this.output = tensor([numHeads, valueSize]);
  }

  /** The most tokens that a request may have, prompt included. */
  get maxLength() {
    return Math.min(this.limits.maxLength, this.limits.numBlocks * BLOCK_SIZE);
  }

  /**
   * Takes a request in. The stream gives each new token; to cancel it, cancels the request and frees its blocks.
   * @param {Uint8Array} prompt  At least one token.
   * @param {{ maxTokens: number, sample: Sampler }} options  Prompt and new tokens together at most `maxLength`.
   * @returns {ReadableStream<number>}
   */
  submit(prompt, { maxTokens, sample }) {
    const length = prompt.length + maxTokens;
    if (prompt.length === 0 || maxTokens < 1 || length > this.maxLength) {
      throw new RangeError(`expected a prompt and at most ${this.maxLength} tokens with it`);
    }
    /** @type {Sequence} */ let sequence;
    return new ReadableStream({
      start: (output) => {
        const rest = { promptLength: prompt.length, length, sample, cached: 0, cancelled: false, output };
        sequence = { id: this.#nextId++, tokens: [...prompt], ...rest };
        this.#waiting.push(sequence);
        this.#loop ??= this.#run();
      },
      cancel: () => {
        sequence.cancelled = true; // the loop takes it out before the next step
      },
    });
  }

  /** What goes on, for the page: what each sequence holds, and the work of the last seconds. */
  state() {
    const now = performance.now();
    const recent = this.#written.filter((time) => time > now - 5000);
    const began = recent[0] ?? now;
    /** @param {Sequence} sequence @param {boolean} runs */
    const shown = ({ id, tokens, promptLength, length, cached }, runs) => ({
      ...{ id, runs, promptLength, length, cached, text: Buffer.from(tokens).toString() },
      blocks: runs ? [...this.pool.blocks(id)] : [],
    });
    return {
      blockSize: BLOCK_SIZE,
      numBlocks: this.pool.numBlocks,
      freeBlocks: this.pool.freeBlocks,
      sequences: [
        ...this.#running.map((sequence) => shown(sequence, true)),
        ...this.#waiting.map((sequence) => shown(sequence, false)),
      ],
      tokensPerSecond: now === began ? 0 : (1000 * recent.length) / (now - began),
      steps: this.#steps,
      preemptions: this.#preemptions,
      prefixes: this.pool.counters,
      kernels: this.#kernelTimes.uses,
    };
  }

  /** Lets the requests that are under way end. */
  async drain() {
    await this.#loop;
    this.#kernelTimes.stop();
  }

  async #run() {
    await null; // requests of the same moment share the first step
    try {
      while (this.#running.length + this.#waiting.length > 0) {
        this.#dropCancelled();
        this.#admit();
        const rows = this.#plan();
        if (rows.length > 0) await this.#step(rows);
      }
    } catch (error) {
      for (const { output, cancelled } of [...this.#running, ...this.#waiting]) {
        if (!cancelled) output.error(error);
      }
      for (const { id } of this.#running) this.pool.free(id);
      this.#running = [];
      this.#waiting = [];
    } finally {
      this.#loop = null;
    }
  }

  #dropCancelled() {
    for (const { id, cancelled } of this.#running) if (cancelled) this.pool.free(id);
    this.#running = this.#running.filter(({ cancelled }) => !cancelled);
    this.#waiting = this.#waiting.filter(({ cancelled }) => !cancelled);
  }

  /** Lets sequences in while there is room for all of their tokens so far. */
  #admit() {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const candidate = next;
      if (this.#running.length === this.limits.maxSequences) return;
      // One that is running is about to write a beginning that this one shares.
      if (this.#running.some((other) => other.cached < sharedLength(candidate, other))) return;
      const needed = Math.ceil((candidate.tokens.length + 1) / BLOCK_SIZE);
      if (this.#running.length > 0 && needed > this.pool.freeBlocks) return;
      this.#waiting.shift();
      candidate.cached = this.pool.match(candidate.id, candidate.tokens);
      this.#running.push(candidate);
    }
  }

  /** The rows of the next step, each with places for its tokens: first those that are decoding, then chunks of prompts. */
  #plan() {
    let budget = this.limits.maxTokens;
    /** @type {Row[]} */ const rows = [];
    for (const sequence of [...this.#running].sort((one, other) => pending(one) - pending(other))) {
      if (budget === 0) break;
      if (!this.#running.includes(sequence)) continue; // it has had to make room
      const queryLength = Math.min(pending(sequence), budget);
      if (!this.#makeRoom(sequence, queryLength, rows)) continue;
      rows.push({ sequence, queryLength });
      budget -= queryLength;
    }
    return rows;
  }

  /**
   * Appends to a sequence, at the cost of the youngest ones that are not in the step. False where it is the youngest itself.
   * @param {Sequence} sequence
   * @param {number} queryLength
   * @param {Row[]} rows
   */
  #makeRoom(sequence, queryLength, rows) {
    for (;;) {
      try {
        this.pool.append(sequence.id, queryLength);
        return true;
      } catch (error) {
        if (/** @type {{ code?: string }} */ (error).code !== "ERR_OUT_OF_BLOCKS") throw error;
      }
      const youngest = this.#running.findLast((other) => rows.every((row) => row.sequence !== other));
      this.#preempt(/** @type {Sequence} */ (youngest));
      if (youngest === sequence) return false;
    }
  }

  /** @param {Sequence} sequence */
  #preempt(sequence) {
    this.pool.free(sequence.id);
    this.#running.splice(this.#running.indexOf(sequence), 1);
    this.#waiting.unshift(sequence);
    this.#preemptions++;
  }

  /**
   * Runs the rows through the model and hands out the tokens that come of them.
   * @param {Row[]} rows
   */
  async #step(rows) {
    this.cache.copyBlocks(this.pool.takeCopies());
    this.batch.update(
      this.pool.batch(rows.map(({ sequence, queryLength }) => ({ id: sequence.id, queryLength }))),
    );
    const ready = rows.filter(({ sequence, queryLength }) => queryLength === pending(sequence));
    const logits = await this.model.forward(modelStep(rows), (layer, inputs) => this.#attend(layer, inputs));
    for (const { sequence, queryLength } of rows) {
      sequence.cached += queryLength;
      this.pool.commit(sequence.id, sequence.tokens.slice(0, sequence.cached));
    }
    for (const [index, { sequence }] of ready.entries()) {
      if (!sequence.cancelled) this.#write(sequence, sequence.sample(logits[index]));
    }
    this.#steps++;
  }

  /** @param {Sequence} sequence @param {number} token */
  #write(sequence, token) {
    sequence.tokens.push(token);
    sequence.output.enqueue(token);
    this.#written = [...this.#written.slice(-999), performance.now()];
    if (sequence.tokens.length < sequence.length) return;
    sequence.output.close();
    this.pool.free(sequence.id);
    this.#running.splice(this.#running.indexOf(sequence), 1);
  }

  /**
   * One layer's attention for all rows of the step.
   * @param {number} layer
   * @param {AttentionInputs} inputs
   */
  async #attend(layer, inputs) {
    const { tokens } = this.batch.step.shape;
    await Promise.all(
      Object.entries(inputs).map(([name, bits]) => firstRows(this.inputs[name], tokens).write(bits)),
    );
    const at = { output: this.output, cache: this.cache.layer(layer), batch: this.batch };
    this.made.forward(layer, this.inputs, at);
    const output = await firstRows(this.output, tokens).read();
    await this.#kernelTimes.collect();
    return /** @type {Uint16Array} */ (output);
  }
}

/** @param {Tensor} tensor @param {number} rows */
function firstRows(tensor, rows) {
  return tensor.view({ shape: [rows, ...tensor.shape.slice(1)] });
}
