import type { Sequence } from "./scheduler.js";

/** Control characters that a terminal would act upon; line feed and tab are text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this looks for
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;

/**
 * Shows the sequences' texts as they are written, one after the other: the first one live; when it is complete the
 * second with all that it has got meanwhile, and so on. So texts that are generated together stay readable.
 */
export class Transcript {
  readonly #sequences: readonly Sequence[];
  readonly #write: (text: string) => void;
  readonly #decorate: boolean;
  #current = 0;
  #shown = 0;
  #decoder = new TextDecoder();

  /** `decorate`: write prompts in bold (ANSI). */
  constructor(sequences: readonly Sequence[], write: (text: string) => void, decorate: boolean) {
    this.#sequences = sequences;
    this.#write = write;
    this.#decorate = decorate;
  }

  /** Shows all that is new. */
  update(): void {
    for (let sequence = this.#sequences[this.#current]; sequence; sequence = this.#sequences[this.#current]) {
      this.#show(sequence);
      if (sequence.bytes.length < sequence.length) return;
      this.#next();
    }
  }

  /** Shows what is left, also of sequences that are not complete. */
  end(): void {
    for (let sequence = this.#sequences[this.#current]; sequence; sequence = this.#sequences[this.#current]) {
      this.#show(sequence);
      this.#next();
    }
  }

  #show(sequence: Sequence): void {
    if (this.#shown === 0) {
      if (this.#sequences.length > 1) this.#write(`[${this.#current + 1}] `);
      this.#text(sequence, sequence.promptLength, this.#decorate ? ["\x1b[1m", "\x1b[22m"] : ["", ""]);
    }
    this.#text(sequence, sequence.bytes.length, ["", ""]);
  }

  #text(sequence: Sequence, end: number, [before, after]: readonly [string, string]): void {
    if (end === this.#shown) return;
    const bytes = Uint8Array.from(sequence.bytes.slice(this.#shown, end));
    this.#shown = end;
    const text = this.#decoder.decode(bytes, { stream: true }).replace(CONTROL, "\ufffd");
    this.#write(`${before}${text}${after}`);
  }

  #next(): void {
    this.#write(this.#current + 1 < this.#sequences.length ? "\n\n" : "\n");
    this.#current++;
    this.#shown = 0;
    this.#decoder = new TextDecoder();
  }
}
