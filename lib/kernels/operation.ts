import { checkInstance } from "../arguments.js";
import { choose, kernelsFor, type Provider } from "../catalog/choose.js";
import type { KernelNeeds } from "../catalog/serves.js";
import { kernelCommand } from "../catalog/targets.js";
import { Device } from "../device/device.js";
import { RocmAttentionError } from "../errors.js";
import { LaunchPlan } from "./launch-plan.js";
import { kernelsForDevice, type LocatedRow, loadKernel } from "./store.js";

/** An operation of our own kernels that a program calls without an attention, and what it is called for. */
export interface Operation {
  readonly operation: string;
  /** Default "hip". */
  readonly provider?: Provider;
  readonly needs: KernelNeeds;
  /** Numbers beyond the needs that `make` sets as constants. */
  readonly constants?: readonly number[];
}

/** What was made for operations, by device. */
const known = new WeakMap<object, Map<string, unknown>>();

/**
 * What `make` makes of the kernel for an operation; made at the first call for the device and these needs, which blocks,
 * and kept. ERR_NO_KERNELS_FOR_ARCH, ERR_KERNEL_CORRUPT, ERR_KERNEL_UNTRUSTED.
 */
export function operationOn<Made>(device: object, of: Operation, make: (plan: LaunchPlan) => Made): Made {
  const found = findOperation(device, of, make);
  if (found !== null) return found;
  const { operation, provider = "hip", needs } = of;
  const { catalog, arch, gcnArchName } = kernelsOn(device);
  const choice = choose(kernelsFor(catalog, gcnArchName), { provider, operation }, needs);
  const unmet = choice.rows === null ? choice.unmet : [];
  const purpose = unmet.length === 0 ? "" : ` for ${unmet.join(", ")}`;
  throw new RocmAttentionError(
    "ERR_NO_KERNELS_FOR_ARCH",
    `there is no kernel ${operation}${purpose} on ${arch}: use what it is made for, or, where the kernels are not ` +
      `installed, add them with: ${kernelCommand(arch)}`,
  );
}

/** {@link operationOn}; null where there is no kernel, which is looked for once. */
export function findOperation<Made>(
  device: object,
  of: Operation,
  make: (plan: LaunchPlan) => Made,
): Made | null {
  const made = known.get(device) ?? new Map<string, unknown>();
  known.set(device, made);
  const { dtype, kvCacheDtype, headSize, blockSize, layout } = of.needs;
  const key = [
    of.operation,
    dtype,
    kvCacheDtype,
    headSize,
    blockSize,
    layout,
    ...(of.constants ?? []),
  ].join();
  if (!made.has(key)) {
    const plan = planFor(device, of);
    made.set(key, plan === null ? null : make(plan));
  }
  return made.get(key) as Made | null;
}

/** The needs of an operation that depends on nothing but a dtype. */
export function needsOf(dtype: KernelNeeds["dtype"]): KernelNeeds {
  const sizes = { headSize: 128, blockSize: 16, queriesPerKv: 1 };
  return { dtype, kvCacheDtype: "auto", ...sizes, layout: null, attentionType: "decoder", features: [] };
}

function planFor(device: object, { operation, provider = "hip", needs }: Operation): LaunchPlan | null {
  const { catalog, gcnArchName, opened } = kernelsOn(device);
  const { rows } = choose(kernelsFor(catalog, gcnArchName), { provider, operation }, needs);
  if (rows === null) return null;
  const row = rows[0] as LocatedRow;
  return new LaunchPlan(loadKernel(opened, row), row);
}

function kernelsOn(device: object) {
  const opened = checkInstance(device, "device", Device);
  const { arch, gcnArchName } = opened.info;
  return { catalog: kernelsForDevice(gcnArchName), arch, gcnArchName, opened };
}
