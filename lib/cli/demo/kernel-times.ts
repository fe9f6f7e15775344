import { type KernelLaunch, type Stream, traceLaunches } from "../../index.js";
import type { KernelUse } from "./report.js";

/** Counts and times the kernels that are launched between its making and `stop`. */
export class KernelTimes {
  readonly #uses = new Map<string, { provider: string; launches: number; milliseconds: number }>();
  #pending: KernelLaunch[] = [];

  constructor() {
    traceLaunches((launch) => this.#pending.push(launch));
  }

  /** Counts and times a graph as one kernel: what it launches is not heard of. */
  traceGraph(stream: Stream, launch: () => void): void {
    const start = stream.record();
    launch();
    this.#pending.push({ id: "decodes of a layer", provider: "graph", start, end: stream.record() });
  }

  /** Takes the times of what has been launched; to be called when it has run, so that nothing piles up. */
  async collect(): Promise<void> {
    const launches = this.#pending;
    this.#pending = [];
    for (const { id, provider, start, end } of launches) {
      const use = this.#uses.get(id) ?? { provider, launches: 0, milliseconds: 0 };
      this.#uses.set(id, use);
      use.launches++;
      use.milliseconds += await end.elapsedMs(start);
      start.dispose();
      end.dispose();
    }
  }

  stop(): void {
    traceLaunches(null);
  }

  /** The kernels that took longest first. */
  get uses(): KernelUse[] {
    return [...this.#uses]
      .map(([id, use]) => ({ id, ...use }))
      .sort((a, b) => b.milliseconds - a.milliseconds);
  }
}
