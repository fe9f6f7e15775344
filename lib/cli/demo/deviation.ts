import { attendOne, relativeError, vector } from "../reference.js";
import type { ModelConfig } from "./model.js";
import type { Row, Sequence } from "./scheduler.js";

/** The deviation of the sampled rows of attention from the reference. */
export interface Deviation {
  /** The largest rms(error) / rms(reference) of a row: one head of one token. */
  readonly largest: number;
  readonly rows: number;
  readonly calls: number;
}

/** One attention call in so many is compared; odd, so that every layer has its turn. */
const CALLS_PER_SAMPLE = 13;

/**
 * Compares a sample of attention calls with a float64 reference on the CPU, from copies of the keys and values of
 * its own, so that what the cache on the device holds is tested too.
 */
export class DeviationProbe {
  readonly #config: ModelConfig;
  readonly #histories = new Map<Sequence, History[]>();
  #attendCalls = 0;
  #largest = 0;
  #rows = 0;
  #calls = 0;

  constructor(config: ModelConfig) {
    this.#config = config;
  }

  get result(): Deviation {
    return { largest: this.#largest, rows: this.#rows, calls: this.#calls };
  }

  /** Takes note of one attention call: its inputs and its result, laid out as the model's `Attend` says. */
  observe(
    rows: readonly Row[],
    layer: number,
    query: Uint16Array,
    key: Uint16Array,
    value: Uint16Array,
    output: Uint16Array,
  ) {
    const { numKvHeads, headSize } = this.#config;
    const width = numKvHeads * headSize;
    let token = 0;
    for (const { sequence, queryLength } of rows) {
      const history = this.#history(sequence, layer);
      const range = [token * width, (token + queryLength) * width] as const;
      history.keys.set(key.subarray(...range), sequence.cached * width);
      history.values.set(value.subarray(...range), sequence.cached * width);
      token += queryLength;
    }
    if (this.#attendCalls++ % CALLS_PER_SAMPLE !== 0) return;
    this.#calls++;
    // One token of the call, another one each time.
    this.#compare(rows, this.#calls % token, layer, query, output);
  }

  /** The sequence is complete: its copies are not needed any more. */
  release(sequence: Sequence): void {
    this.#histories.delete(sequence);
  }

  #history(sequence: Sequence, layer: number): History {
    let layers = this.#histories.get(sequence);
    if (layers === undefined) {
      const elements = sequence.length * this.#config.numKvHeads * this.#config.headSize;
      layers = Array.from({ length: this.#config.layers }, () => ({
        keys: new Uint16Array(elements),
        values: new Uint16Array(elements),
      }));
      this.#histories.set(sequence, layers);
    }
    return layers[layer]!;
  }

  #compare(rows: readonly Row[], token: number, layer: number, query: Uint16Array, output: Uint16Array) {
    const { numHeads, numKvHeads, headSize } = this.#config;
    let first = 0;
    const row = rows.find(({ queryLength }) => {
      first += queryLength;
      return token < first;
    })!;
    const length = row.sequence.cached + row.queryLength - (first - 1 - token);
    const history = this.#history(row.sequence, layer);
    for (let head = 0; head < numHeads; head++) {
      const kvHead = Math.floor((head * numKvHeads) / numHeads);
      const past = (elements: Uint16Array) =>
        Array.from({ length }, (_, position) => vector(elements, position * numKvHeads + kvHead, headSize));
      const at = token * numHeads + head;
      const expected = attendOne(vector(query, at, headSize), past(history.keys), past(history.values));
      this.#largest = Math.max(this.#largest, relativeError(vector(output, at, headSize), expected));
      this.#rows++;
    }
  }
}

interface History {
  /** [positions, numKvHeads, headSize], bfloat16. */
  readonly keys: Uint16Array;
  readonly values: Uint16Array;
}
