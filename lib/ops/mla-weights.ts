import { fp8Encoding } from "../catalog/targets.js";
import type { ComputeDType } from "../config.js";
import type { Device } from "../device/device.js";
import type { Stream } from "../device/stream.js";
import type { Tensor } from "../device/tensor.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import { needsOf, operationOn } from "../kernels/operation.js";

/** An up-projection in fp8: the numbers, of its shape, and the scales of W_UK and W_UV, float32 [2]. */
export interface QuantisedWeights {
  /** The numbers, [numHeads, qkNopeHeadDim + vHeadDim, kvLoraRank] in fp8 of the device's kind; times their scale: the weights. */
  readonly weight: Tensor;
  /** The scales of W_UK and of W_UV, float32 [2]. */
  readonly scales: Tensor;
}

/**
 * Rounds a layer's up-projection, [heads, qkNopeHeadDim + vHeadDim, kvLoraRank], to fp8 with a scale for W_UK and one for W_UV, which
 * make the largest number of each the format's. Enqueues and returns; blocks at the first call of a dtype. ERR_OUT_OF_MEMORY, ERR_NO_KERNELS_FOR_ARCH.
 */
export function quantiseWeights(device: Device, kvB: Tensor, stream: Stream): QuantisedWeights {
  const { dtype, shape } = kvB;
  const needs = { ...needsOf(dtype as ComputeDType), headSize: 576 };
  const load = (operation: string, pointers: readonly string[]) =>
    operationOn(device, { operation, provider: "triton", needs }, (plan) => bind(plan, pointers));
  const maxima = load("mla_weight_maxima", ["maxima", "weight"]);
  const quantise = load("mla_quantise_weights", ["quantised_weight", "weight_scale", "weight", "maxima"]);
  const parts = shape.reduce((product, size) => product * size, 1) / maxima.part;
  const made: Tensor[] = [];
  const empty = (size: readonly number[], as: Parameters<typeof device.empty>[1]) => {
    const tensor = device.empty(size, as);
    made.push(tensor);
    return tensor;
  };
  try {
    const [weight, scales, largest] = [
      empty(shape, fp8Encoding(device.info.arch)!),
      empty([2], "float32"),
      empty([parts], "float32"),
    ];
    maxima.launch([largest.pointer, kvB.pointer], parts, stream);
    const pointers = [weight.pointer, scales.pointer, kvB.pointer, largest.pointer];
    quantise.launch(pointers, parts, stream);
    largest.dispose();
    return { weight, scales };
  } catch (error) {
    for (const tensor of made) tensor.dispose();
    throw error;
  }
}

function bind(plan: LaunchPlan, names: readonly string[]) {
  const setters = names.map((name) => plan.setter(name));
  const count = plan.argumentNames.includes("parts") ? plan.setter("parts") : undefined;
  plan.complete();
  return {
    part: plan.row.tile.part!,
    launch(pointers: readonly bigint[], parts: number, stream: Stream): void {
      for (const [index, set] of setters.entries()) set(pointers[index]!);
      count?.(parts);
      plan.launch(stream, parts);
    },
  };
}
