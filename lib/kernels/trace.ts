import type { KernelRow } from "../catalog/manifest.js";
import type { DeviceEvent, Stream } from "../device/stream.js";
import { invalidArgument } from "../errors.js";

/** One launch of a kernel of this package. */
export interface KernelLaunch {
  /** The kernel's id in its manifest. */
  readonly id: string;
  readonly provider: string;
  /** On either side of the kernel in its stream. The listener disposes of them. */
  readonly start: DeviceEvent;
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

/** The event before a launch; null where nobody listens or the launch is captured. */
export function traceStart(stream: Stream): DeviceEvent | null {
  return listener === null || stream.capture !== null ? null : stream.record();
}

/** Tells the listener of the launch that began at `start`. */
export function traceEnd({ id, provider }: KernelRow, stream: Stream, start: DeviceEvent): void {
  listener?.({ id, provider, start, end: stream.record() });
}
