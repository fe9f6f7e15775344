import type { ResolvedConfig } from "../../lib/config.js";
import { Device, EMULATED_ARCHS } from "../../lib/device/device.js";
import type { DType } from "../../lib/dtype.js";
import { LaunchPlan } from "../../lib/kernels/launch-plan.js";
import { installedKernels, type LocatedRow, loadKernel } from "../../lib/kernels/store.js";
import { makeLayout } from "../../lib/kv-cache/layouts.js";
import { onGpu, openTestDevice } from "./device.js";
import type { AttentionShape } from "./reference.js";

/** The devices to try our own kernels on: every emulated GPU, or the real one. */
export const HIP_TEST_DEVICES: readonly { name: string; open(): Device }[] = onGpu
  ? [{ name: "the GPU", open: openTestDevice }]
  : EMULATED_ARCHS.map((arch) => ({
      name: arch,
      open: () => Device.open({ emulate: arch, computeUnits: 8 }),
    }));

/** The rows of our kernels in HIP C++ for a target. */
export function hipRows(arch: string): LocatedRow[] {
  return installedKernels([arch]).kernels.filter(({ provider }) => provider === "hip");
}

/** Why our kernels in HIP C++ cannot be used, or null. */
export const noHipKernels =
  hipRows("gfx942").length > 0 ? null : "the kernels in HIP C++ were not built: there is no clang";

/** A plan of one of our kernels. */
export function hipPlan(device: Device, id: string): LaunchPlan {
  const [plan] = hipPlans(device, (row) => row.id === id);
  if (plan === undefined) throw new Error(`no kernel ${id} for ${device.info.arch}`);
  return plan;
}

/** Plans of those of our kernels that a test is about. */
export function hipPlans(device: Device, isMeant: (row: LocatedRow) => boolean): LaunchPlan[] {
  return hipRows(device.info.arch)
    .filter(isMeant)
    .map((row) => new LaunchPlan(loadKernel(device, row), row));
}

/** A configuration as operations take it, of an attention that no backend stands behind. */
export function operationConfig(
  shape: AttentionShape,
  dtype: "bfloat16" | "float16",
  changes: Partial<ResolvedConfig> = {},
): ResolvedConfig {
  const scale = shape.headSize ** -0.5;
  const features = { logitsSoftCap: null, slidingWindow: null, alibiSlopes: null, sinks: false };
  const rest = { scale, attentionType: "decoder", batchInvariant: false } as const;
  return { ...shape, dtype, ...rest, ...features, ...changes } as ResolvedConfig;
}

/** A layout of such a configuration. */
export function operationLayout(
  name: Parameters<typeof makeLayout>[0],
  { numKvHeads, headSize, blockSize }: AttentionShape,
  dtype: DType,
  scales = false,
) {
  return makeLayout(name, { numKvHeads, headSize, blockSize, dtype, scales })!;
}
