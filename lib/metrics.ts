import { checkOptions } from "./arguments.js";
import { describe, invalidArgument } from "./errors.js";
import { log } from "./log.js";

/** One thing that a server may want to count, told apart by its `name`. */
export type Metric =
  /** A kernel of this package was enqueued. Not heard of captured launches and of those that a graph makes. */
  | {
      /** The kind of metric. */
      readonly name: "launch";
      /** The kernel's id in its manifest. */
      readonly kernel: string;
    }
  /** How long it took on the device; known later. */
  | {
      /** The kind of metric. */
      readonly name: "kernelTime";
      /** The kernel's id in its manifest. */
      readonly kernel: string;
      /** The time between an event before it and one behind it. */
      readonly milliseconds: number;
    }
  /** `match` of a BlockPool found `hits` of the `queried` blocks that a prompt could have had. */
  | {
      /** The kind of metric. */
      readonly name: "prefix";
      /** Blocks that were found. */
      readonly hits: number;
      /** Blocks that could have been found. */
      readonly queried: number;
    }
  /** Blocks whose contents might have been found again were given to other tokens. */
  | {
      /** The kind of metric. */
      readonly name: "evictions";
      /** Blocks that were given away. */
      readonly blocks: number;
    }
  /** The free blocks of a BlockPool have changed. */
  | {
      /** The kind of metric. */
      readonly name: "freeBlocks";
      /** Blocks that `append` could hand out now. */
      readonly free: number;
      /** Blocks of the pool. */
      readonly total: number;
    };

/** A function that hears of metrics; {@link setMetrics} says when. */
export type MetricsListener = (metric: Metric) => void;

/** Who hears of metrics; null where nobody does, which is all that is looked at then. */
export let metrics: MetricsListener | null = null;
/** Whether launches are to be timed. */
export let timesKernels = false;

/**
 * Sets who hears of metrics in this thread; `null` (the default) means that nobody does. The listener is called in the middle of
 * the work: it should count and return. What it throws becomes a warning of the logger. With `kernelTimes` every launch is put between
 * two events, which costs some microseconds each. ERR_INVALID_ARGUMENT.
 */
export function setMetrics(listener: MetricsListener | null, options?: { kernelTimes?: boolean }): void {
  if (listener !== null && typeof listener !== "function") {
    throw invalidArgument("listener", "a function or null", listener);
  }
  const { kernelTimes = false } = checkOptions(options, ["kernelTimes"]);
  if (typeof kernelTimes !== "boolean") throw invalidArgument("kernelTimes", "true or false", kernelTimes);
  metrics = listener === null ? null : guarded(listener);
  timesKernels = listener !== null && kernelTimes;
}

function guarded(listener: MetricsListener): MetricsListener {
  return (metric) => {
    try {
      listener(metric);
    } catch (error) {
      log("warn", `the listener of setMetrics threw ${describe(error)}`);
    }
  };
}
