import type { KernelRow } from "../catalog/manifest.js";
import type { DeviceEvent, Stream } from "../device/stream.js";
import { invalidArgument } from "../errors.js";
import { metrics, timesKernels } from "../metrics.js";

/** One launch of a kernel of this package. */
export interface KernelLaunch {
  /** The kernel's id in its manifest. */
  readonly id: string;
  /** The maker of the kernel, a {@link Provider}. */
  readonly provider: string;
  /** The event before the kernel in its stream. The listener disposes of it. */
  readonly start: DeviceEvent;
  /** The event behind it. The listener disposes of it. */
  readonly end: DeviceEvent;
}

/** Hears of every launch, when it has been enqueued. */
export type LaunchListener = (launch: KernelLaunch) => void;

let listener: LaunchListener | null = null;

/**
 * Sets who hears of every kernel that the backends enqueue in this thread; `null` (the default) means that nobody does.
 * Launches that are captured, or replayed from a graph, are not heard of.
 */
export function traceLaunches(receiver: LaunchListener | null): void {
  if (receiver !== null && typeof receiver !== "function") {
    throw invalidArgument("listener", "a function or null", receiver);
  }
  listener = receiver;
}

/** What is to be told of a launch once it has been enqueued. */
export interface Trace {
  /** Events before it: for the listener, and for its time among the metrics. */
  readonly start: DeviceEvent | null;
  readonly timed: DeviceEvent | null;
}

/** The trace of a launch that is about to be enqueued; null where nobody listens or the launch is captured. */
export function traceStart(stream: Stream): Trace | null {
  if (listener === null && metrics === null) return null;
  if (stream.capture !== null) return null;
  return {
    start: listener === null ? null : stream.record(),
    timed: timesKernels ? stream.record() : null,
  };
}

/** Tells of a launch that has been enqueued. */
export function traceEnd({ id, provider }: KernelRow, stream: Stream, { start, timed }: Trace): void {
  metrics?.({ name: "launch", kernel: id });
  if (timed !== null) void tellTime(id, timed, stream.record());
  if (start !== null) listener?.({ id, provider, start, end: stream.record() });
}

async function tellTime(kernel: string, start: DeviceEvent, end: DeviceEvent): Promise<void> {
  try {
    const milliseconds = await end.elapsedMs(start);
    metrics?.({ name: "kernelTime", kernel, milliseconds });
  } catch {
    // The device was lost or closed, which whoever waits for its work hears of.
  } finally {
    start.dispose();
    end.dispose();
  }
}
