import { relativeError, vector } from "../reference.js";
import type { AttentionInputs, AttentionPart } from "./attention-part.js";
import type { Row, Sequence } from "./scheduler.js";

/** The deviation of the sampled rows of attention from the reference. */
export interface Deviation {
  /** The largest rms(error) / rms(reference) of a row: one head of one token. */
  readonly largest: number;
  /** What rounding explains. */
  readonly bound: number;
  readonly rows: number;
  readonly calls: number;
}

/** One attention call in so many is compared; odd, so that every layer has its turn. */
const CALLS_PER_SAMPLE = 13;

/**
 * Compares a sample of attention calls with a float64 reference on the CPU, from copies of its own of what sequences keep,
 * so that what the cache on the device holds is tested too.
 */
export class DeviationProbe {
  readonly #part: AttentionPart;
  /** By sequence and layer: a row for each position, bfloat16. */
  readonly #histories = new Map<Sequence, Uint16Array[]>();
  /** Those of prompts whose sequences are complete, one for each text. */
  readonly #prompts = new Map<Sequence, Uint16Array[]>();
  /** Elements of a row. */
  #width = 0;
  #attendCalls = 0;
  #largest = 0;
  #rows = 0;
  #calls = 0;

  constructor(part: AttentionPart) {
    this.#part = part;
  }

  get result(): Deviation {
    return { largest: this.#largest, bound: this.#part.bound, rows: this.#rows, calls: this.#calls };
  }

  /** Takes note of one attention call: its inputs and its result, laid out as the model's `Attend` says. */
  observe(rows: readonly Row[], layer: number, inputs: AttentionInputs, output: Uint16Array) {
    const kept = this.#part.kept(inputs);
    const tokens = rows.reduce((sum, { queryLength }) => sum + queryLength, 0);
    const width = kept.length / tokens;
    this.#width = width;
    let token = 0;
    for (const { sequence, queryLength } of rows) {
      const history = this.#history(sequence, layer, width);
      history.set(kept.subarray(token * width, (token + queryLength) * width), sequence.cached * width);
      token += queryLength;
    }
    if (this.#attendCalls++ % CALLS_PER_SAMPLE !== 0) return;
    this.#calls++;
    // One token of the call, another one each time.
    this.#compare(rows, this.#calls % tokens, layer, width, inputs, output);
  }

  /** Takes the rows of a prompt's beginning that is in the cache already from the copies of whoever has computed them. */
  share(sequence: Sequence): void {
    if (sequence.cached === 0) return;
    const isSame = ([other]: readonly [Sequence, unknown]) =>
      sequence.bytes.slice(0, sequence.cached).every((byte, position) => byte === other.bytes[position]);
    const [, layers] = [...this.#histories, ...this.#prompts].find(isSame)!;
    for (const [layer, history] of layers.entries()) {
      this.#history(sequence, layer, this.#width).set(history.subarray(0, sequence.cached * this.#width));
    }
  }

  /** The sequence is complete: no copies but those of its prompt may be needed any more. */
  release(sequence: Sequence): void {
    const layers = this.#histories.get(sequence)!;
    this.#histories.delete(sequence);
    const end = sequence.promptLength;
    const prompt = (other: Sequence) => String(other.bytes.slice(0, other.promptLength));
    if ([...this.#prompts.keys()].some((other) => prompt(other) === prompt(sequence))) return;
    this.#prompts.set(
      sequence,
      layers.map((history) => history.slice(0, end * this.#width)),
    );
  }

  #history(sequence: Sequence, layer: number, width: number): Uint16Array {
    let layers = this.#histories.get(sequence);
    if (layers === undefined) {
      layers = Array.from({ length: this.#part.layers }, () => new Uint16Array(sequence.length * width));
      this.#histories.set(sequence, layers);
    }
    return layers[layer]!;
  }

  #compare(
    rows: readonly Row[],
    token: number,
    layer: number,
    width: number,
    inputs: AttentionInputs,
    output: Uint16Array,
  ) {
    const { numHeads, valueSize } = this.#part;
    let first = 0;
    const row = rows.find(({ queryLength }) => {
      first += queryLength;
      return token < first;
    })!;
    const length = row.sequence.cached + row.queryLength - (first - 1 - token);
    const past = this.#history(row.sequence, layer, width).subarray(0, length * width);
    for (let head = 0; head < numHeads; head++) {
      const expected = this.#part.expected(layer, inputs, token, head, past);
      const actual = vector(output, token * numHeads + head, valueSize);
      this.#largest = Math.max(this.#largest, relativeError(actual, expected));
      this.#rows++;
    }
  }
}
