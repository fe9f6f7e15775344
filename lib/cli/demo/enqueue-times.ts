/** The time that the calling thread needs to enqueue a layer's attention, with and without a graph. */
export interface Enqueuing {
  /** Layers enqueued as a graph. */
  readonly graphs: number;
  /** Medians in microseconds; null where it has not happened. */
  readonly withGraph: number | null;
  readonly without: number | null;
}

/** Measures what enqueuing takes. */
export class EnqueueTimes {
  readonly #withGraph: number[] = [];
  readonly #without: number[] = [];

  measure(kind: "withGraph" | "without", enqueue: () => void): void {
    const start = performance.now();
    enqueue();
    (kind === "withGraph" ? this.#withGraph : this.#without).push((performance.now() - start) * 1000);
  }

  get result(): Enqueuing {
    return {
      graphs: this.#withGraph.length,
      withGraph: median(this.#withGraph),
      without: median(this.#without),
    };
  }
}

function median(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
