import type { Sampler } from "./sampler.js";

/** One text being written: the prompt's bytes, then those that the model has added. */
export interface Sequence {
  readonly id: number;
  readonly bytes: number[];
  readonly promptLength: number;
  /** Bytes in all when it is complete. */
  readonly length: number;
  readonly sample: Sampler;
  /** The number of `bytes` that the KV cache holds already. */
  cached: number;
}

/** A sequence that continues `prompt` by `tokens` bytes. */
export function createSequence(id: number, prompt: Uint8Array, tokens: number, sample: Sampler): Sequence {
  const promptLength = prompt.length;
  return { id, bytes: [...prompt], promptLength, length: promptLength + tokens, sample, cached: 0 };
}

/** One sequence's part in a step: `queryLength` of its bytes go through the model. */
export interface Row {
  readonly sequence: Sequence;
  readonly queryLength: number;
  /** Whether these are the last bytes known, so that the step yields the next one. */
  readonly completes: boolean;
}

/** The memory of prompts that have been read: keys and values of a beginning that sequences share are computed once. */
export interface PromptMemory {
  /**
   * Takes a sequence in, and sets `cached` to what is known of its prompt. False where it should wait: one of those that are
   * running is about to read the same beginning.
   */
  admit(sequence: Sequence, running: readonly Sequence[]): boolean;
}

/**
 * Continuous batching: each step first takes one token of every sequence that is decoding, then fills the rest of
 * the token budget with chunks of prompts, admitting waiting sequences as others finish. So a step may mix
 * sequences in prefill and in decode, and a long prompt never holds up the others.
 */
export class Scheduler {
  readonly #waiting: Sequence[];
  readonly #running: Sequence[] = [];
  readonly #maxSequences: number;
  readonly #maxTokens: number;

  constructor(
    sequences: readonly Sequence[],
    limits: { maxSequences: number; maxTokens: number },
    private readonly memory: PromptMemory,
  ) {
    this.#waiting = [...sequences];
    this.#maxSequences = limits.maxSequences;
    this.#maxTokens = limits.maxTokens;
  }

  /** The rows of the next step, at most maxTokens tokens; [] when every sequence is complete. */
  next(): Row[] {
    while (this.#running.length < this.#maxSequences && this.#waiting.length > 0) {
      if (!this.memory.admit(this.#waiting[0]!, this.#running)) break;
      this.#running.push(this.#waiting.shift()!);
    }
    let budget = this.#maxTokens;
    const rows: Row[] = [];
    const pending = (sequence: Sequence) => sequence.bytes.length - sequence.cached;
    for (const sequence of [...this.#running].sort((a, b) => pending(a) - pending(b))) {
      const queryLength = Math.min(pending(sequence), budget);
      if (queryLength === 0) break;
      budget -= queryLength;
      rows.push({ sequence, queryLength, completes: queryLength === pending(sequence) });
    }
    return rows;
  }

  /** Takes note that the rows have run, of the bytes that were sampled, and returns the sequences now complete. */
  advance(rows: readonly Row[], sampled: ReadonlyMap<Sequence, number>): Sequence[] {
    const complete: Sequence[] = [];
    for (const { sequence, queryLength } of rows) {
      sequence.cached += queryLength;
      const byte = sampled.get(sequence);
      if (byte !== undefined) sequence.bytes.push(byte);
      if (sequence.bytes.length < sequence.length) continue;
      complete.push(sequence);
      this.#running.splice(this.#running.indexOf(sequence), 1);
    }
    return complete;
  }
}
