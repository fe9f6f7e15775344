import { checkInstance, checkOptions } from "../arguments.js";
import { invalidArgument } from "../errors.js";
import type { Stream } from "./stream.js";
import { Tensor } from "./tensor.js";

/**
 * Copies all of `from` over `to`, which may be on another device of the same kind (GPUs, or emulated ones). The copy
 * is enqueued on `stream` (default: the default stream of `to`'s device); let that stream wait for an event of the one
 * that writes `from`.
 */
export function peerCopy(to: Tensor, from: Tensor, options?: { stream?: Stream }): void {
  checkInstance(to, "to", Tensor);
  checkInstance(from, "from", Tensor);
  const { stream: named } = checkOptions(options, ["stream"]);
  if (!to.contiguous) throw invalidArgument("to", "a contiguous tensor", "one with gaps");
  if (!from.contiguous) throw invalidArgument("from", "a contiguous tensor", "one with gaps");
  if (to.dtype !== from.dtype) throw invalidArgument("from", `a tensor of ${to.dtype}`, from.dtype);
  if (to.byteLength !== from.byteLength) {
    throw invalidArgument("from", `a tensor of ${to.byteLength} bytes`, `one of ${from.byteLength}`);
  }
  const stream = to.device.streamOf(named);
  const [target, source] = [to.pointer, from.pointer];
  if (to.byteLength === 0) return;
  stream.native.peerCopy(target, to.device.native, source, from.device.native, to.byteLength);
}
