/** What can be given back. */
interface Disposable {
  dispose(): void;
}

/** The captures of this thread that nobody has dropped, by their numbers, which are the process's. */
const captures = new Map<number, WeakRef<Capture>>();

const dropped = new FinalizationRegistry<{ number: number; owned: Set<Disposable> }>(({ number, owned }) => {
  captures.delete(number);
  giveBack(owned);
});

function giveBack(owned: Set<Disposable>): void {
  for (const resource of [...owned].reverse()) resource.dispose();
  owned.clear();
}

/**
 * One capture, the same for all streams that take part in it. It owns what was made for the captured work alone, such as
 * workspace: that ends with the graph that the capture becomes, or with the capture where it becomes none. Whoever
 * else keeps such a resource by its capture does so weakly (WeakMap), so that it also ends with a graph that is dropped.
 */
export class Capture {
  readonly #owned = new Set<Disposable>();

  constructor(number: number) {
    captures.set(number, new WeakRef(this));
    dropped.register(this, { number, owned: this.#owned });
  }

  /** The capture of that number; null for 0, which is none. */
  static of(number: number): Capture | null {
    return (number === 0 ? undefined : captures.get(number)?.deref()) ?? null;
  }

  /** Lets `resource` be disposed of when the graph is. */
  own<Resource extends Disposable>(resource: Resource): Resource {
    this.#owned.add(resource);
    return resource;
  }

  /** Disposes of what it owns, latest first. */
  dispose(): void {
    giveBack(this.#owned);
  }
}
