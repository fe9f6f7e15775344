import { Owned } from "./owned.js";

/** The captures of this thread by their numbers, which are the process's. */
const captures = new Map<number, WeakRef<Capture>>();

/**
 * One capture, the same for all streams that take part in it. It owns what was made for the captured work alone, such as
 * workspace: that ends with the graph that the capture becomes, or with the capture where it becomes none. Whoever
 * else keeps such a resource by its capture does so weakly (WeakMap), so that it also ends with a graph that is dropped.
 */
export class Capture {
  readonly #owned = new Owned(this);

  constructor(number: number) {
    for (const [known, capture] of captures) if (capture.deref() === undefined) captures.delete(known);
    captures.set(number, new WeakRef(this));
  }

  /** The capture of that number; null for 0, which is none. */
  static of(number: number): Capture | null {
    return (number === 0 ? undefined : captures.get(number)?.deref()) ?? null;
  }

  /** Lets `resource` be disposed of when the graph is. */
  own<Resource extends { dispose(): void }>(resource: Resource): Resource {
    return this.#owned.add(resource);
  }

  /** Disposes of what it owns. */
  dispose(): void {
    this.#owned.dispose();
  }
}
