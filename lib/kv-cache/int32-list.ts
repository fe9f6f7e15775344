import { RocmAttentionError } from "../errors.js";

/** More would take half a gigabyte and seconds to fill. */
const LONGEST = 2 ** 27;

/** A list of 32-bit integers that grows. It lies apart from JavaScript's heap, which a long one would overflow. */
export class Int32List {
  #elements: Int32Array = new Int32Array(4);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  at(index: number): number {
    return this.#elements[index]!;
  }

  set(index: number, value: number): void {
    this.#elements[index] = value;
  }

  /** Makes room for `count` more, so that pushing them cannot fail. ERR_OUT_OF_MEMORY leaves the list as it was. */
  reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#elements.length) return;
    this.#elements = grown(this.#elements, Math.max(needed, Math.min(2 * this.#elements.length, LONGEST)));
  }

  push(value: number): void {
    this.reserve(1);
    this.#elements[this.#length++] = value;
  }

  pop(): number | undefined {
    return this.#length === 0 ? undefined : this.#elements[--this.#length];
  }

  copy(): Int32List {
    const copy = new Int32List();
    copy.reserve(this.#length);
    copy.#elements.set(this.#elements.subarray(0, this.#length));
    copy.#length = this.#length;
    return copy;
  }

  toArray(): Int32Array {
    return this.#elements.slice(0, this.#length);
  }

  [Symbol.iterator](): Iterator<number> {
    return this.#elements.subarray(0, this.#length).values();
  }
}

function grown(elements: Int32Array, length: number): Int32Array {
  const refuse = (cause?: unknown) =>
    new RocmAttentionError("ERR_OUT_OF_MEMORY", `the host has no room for ${length} block ids`, { cause });
  if (length > LONGEST) throw refuse();
  try {
    const larger = new Int32Array(length);
    larger.set(elements);
    return larger;
  } catch (cause) {
    throw refuse(cause);
  }
}
