/**
 * The text of a stream of bytes, as far as it is certain: no part of a character, and nothing that may turn out to be the
 * beginning of a stop text.
 */
export class TextPieces {
  #decoder = new TextDecoder();
  #held = "";

  /** @param {string[]} stop  Texts that end the stream, and are not part of it. */
  constructor(stop) {
    this.stop = stop;
  }

  /**
   * The text that a byte makes certain, and whether it is the last.
   * @param {number} byte
   */
  add(byte) {
    this.#held += this.#decoder.decode(Uint8Array.of(byte), { stream: true });
    const ends = this.stop.map((text) => this.#held.indexOf(text)).filter((at) => at >= 0);
    if (ends.length > 0) return { text: this.#take(Math.min(...ends)), ended: true };
    return { text: this.#take(this.#held.length - this.#doubtful()), ended: false };
  }

  /** What is left when no more bytes come. */
  rest() {
    this.#held += this.#decoder.decode();
    return this.#take(this.#held.length);
  }

  /** @param {number} length */
  #take(length) {
    const text = this.#held.slice(0, length);
    this.#held = this.#held.slice(length);
    return text;
  }

  /** How many characters at the end are the beginning of a stop text. */
  #doubtful() {
    const lengths = this.stop.flatMap((text) =>
      Array.from({ length: text.length }, (_, length) => length).filter((length) =>
        this.#held.endsWith(text.slice(0, length)),
      ),
    );
    return Math.max(0, ...lengths);
  }
}
