import { appendFileSync } from "node:fs";
import { type Device, traceLaunches } from "../../lib/index.js";
import { installedKernels } from "../../lib/kernels/store.js";

/** The file to which `npm run test:gpu` wants the kernels whose results have matched float64, one a line. */
const record = process.env.ROCM_ATTENTION_VERIFIED;

/** Those that listen now: one piece of work may be within another. */
const listeners = new Set<(id: string) => void>();

/** The ids of the kernels that `work` launches, captured ones apart, and its result. */
export async function launchesOf<T>(
  work: () => Promise<T>,
): Promise<{ kernels: ReadonlySet<string>; result: T }> {
  const kernels = new Set<string>();
  const listener = (id: string) => kernels.add(id);
  listeners.add(listener);
  traceLaunches(({ id, start, end }) => {
    for (const listen of listeners) listen(id);
    start.dispose();
    end.dispose();
  });
  try {
    return { kernels, result: await work() };
  } finally {
    listeners.delete(listener);
    if (listeners.size === 0) traceLaunches(null);
  }
}

/** A result that is to be compared with float64, and the kernels that it comes from, where somebody records them. */
export class Evidence {
  #kernels: ReadonlySet<string> = new Set();

  /** Runs the kernels. */
  async of<T>(work: () => Promise<T>): Promise<T> {
    if (record === undefined) return work();
    const { kernels, result } = await launchesOf(work);
    this.#kernels = kernels;
    return result;
  }

  /** The latest result is as it should be. */
  accept({ arch, emulated }: Device["info"]): void {
    if (record === undefined || this.#kernels.size === 0) return;
    const rows = installedKernels([arch]).kernels.filter(({ id }) => this.#kernels.has(id));
    const lines = rows.map(({ id, sha256 }) => `${JSON.stringify({ arch, emulated, id, sha256 })}\n`);
    appendFileSync(record, lines.join(""));
  }
}
