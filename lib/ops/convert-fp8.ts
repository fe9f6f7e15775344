import { checkInstance, checkOptions } from "../arguments.js";
import { joinWithOr } from "../catalog/sizes.js";
import { fp8Encoding } from "../catalog/targets.js";
import { COMPUTE_DTYPES, type ComputeDType } from "../config.js";
import type { Stream } from "../device/stream.js";
import { Tensor } from "../device/tensor.js";
import { invalidArgument } from "../errors.js";
import { isFloat8 } from "../float8.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import { needsOf, operationOn } from "../kernels/operation.js";
import { checkScale } from "./operands.js";

/** A tensor in fp8 and one that is not, and which is to be made of which. */
export interface ConvertFp8Options {
  /** The source. One of the two is in fp8 of the device's kind, the other in bfloat16, float16 or float32. */
  from: Tensor;
  /** The destination, of the same shape. Both are contiguous and aligned to 16 bytes. */
  to: Tensor;
  /** The fp8 numbers times this are the others. A positive number or float32 [1]; default 1. */
  scale?: Tensor | number | undefined;
  /** Default: the device's default stream. */
  stream?: Stream | undefined;
}

/** Elements of a workgroup. */
const TILE = 2048;

/**
 * Converts to fp8, rounding to the nearest, ties to even (what is too large saturates, NaN stays NaN), or from it. Enqueues
 * and returns; may be captured. The first call of a kind loads a kernel and blocks. ERR_INVALID_ARGUMENT, ERR_DISPOSED,
 * ERR_NO_KERNELS_FOR_ARCH: on a GPU without fp8, too.
 */
export function convertFp8(options: ConvertFp8Options): void {
  const given = checkOptions(options, ["from", "to", "scale", "stream"]);
  const from = checkInstance(given.from, "from", Tensor);
  const to = checkInstance(given.to, "to", Tensor);
  const { device } = from;
  const [stored, elements] = isFloat8(from.dtype) ? ["from", "to"] : ["to", "from"];
  const ofFp8 = stored === "from" ? from : to;
  const other = stored === "from" ? to : from;
  const encoding = fp8Encoding(device.info.arch);
  if (!isFloat8(ofFp8.dtype) || (encoding !== null && ofFp8.dtype !== encoding)) {
    throw invalidArgument(stored!, `dtype ${encoding ?? "fp8"} of ${device.info.arch}`, ofFp8.dtype);
  }
  if (!COMPUTE_DTYPES.some((dtype) => dtype === other.dtype)) {
    throw invalidArgument(elements!, `dtype ${joinWithOr(COMPUTE_DTYPES)}`, other.dtype);
  }
  if (to.device !== device) throw invalidArgument("to", "a tensor on the device of from", "one on another");
  if (String(to.shape) !== String(from.shape)) throw invalidArgument("to", `shape [${from.shape}]`, to.shape);
  const count = from.shape.reduce((product, size) => product * size, 1);
  for (const [name, tensor] of [
    ["from", from],
    ["to", to],
  ] as const) {
    // biome-ignore format: one line
    if (!tensor.contiguous) throw invalidArgument(name, "a contiguous tensor", `strides ${tensor.strides}`);
    if (count > 0 && tensor.pointer % 16n !== 0n) {
      throw invalidArgument(name, "memory aligned to 16 bytes", `0x${tensor.pointer.toString(16)}`);
    }
  }
  const scale = checkScale(given.scale, "scale", from, true);
  const stream = device.streamOf(given.stream);
  const needs = { ...needsOf(other.dtype as ComputeDType), kvCacheDtype: "fp8" as const };
  const convert = operationOn(device, { operation: "convert_fp8", needs }, (plan) => new ConvertFp8(plan));
  if (count === 0) return;
  const isNumber = typeof scale === "number" || scale === null;
  convert.launch(
    { elements: other.pointer, stored: ofFp8.pointer, toFp8: stored === "to", count },
    isNumber ? { number: scale ?? 1, pointer: 0n } : { number: 1, pointer: scale.pointer },
    stream,
  );
}

/** convert_fp8: a workgroup for each 2048 elements. */
class ConvertFp8 {
  readonly #set;

  constructor(private readonly plan: LaunchPlan) {
    this.#set = {
      elements: plan.setter("elements"),
      stored: plan.setter("stored"),
      scale: plan.setter("scale"),
      scaleTensor: plan.setter("scale_tensor"),
      toFp8: plan.setter("to_fp8"),
      count: plan.setter("count"),
    };
    plan.complete();
  }

  launch(
    of: { elements: bigint; stored: bigint; toFp8: boolean; count: number },
    scale: { number: number; pointer: bigint },
    stream: Stream,
  ): void {
    this.#set.elements(of.elements);
    this.#set.stored(of.stored);
    this.#set.scale(scale.number);
    this.#set.scaleTensor(scale.pointer);
    this.#set.toFp8(of.toFp8 ? 1 : 0);
    this.#set.count(of.count);
    this.plan.launch(stream, Math.ceil(of.count / TILE));
  }
}
