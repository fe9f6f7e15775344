import { PACKAGED_TARGETS } from "../catalog/targets.js";
import type { DeviceInfo } from "../device/context.js";
import { hipLibrary } from "../device/hip-library.js";
import { RocmAttentionError } from "../errors.js";
import { Device } from "../index.js";
import { type Driver, readDriver } from "./doctor/driver.js";
import { listingFailed, type NoGpu, noneListed, USE_EMULATOR, withoutHip } from "./doctor/remedies.js";

/** Why HIP lists no GPU, and the command that may change it. `failure`: its own, where it could not list them. */
export function noGpu(failure: RocmAttentionError | null, driver: Driver): NoGpu {
  if (failure !== null) return listingFailed(failure);
  return hipLibrary().path === null ? withoutHip(driver, process.env) : noneListed(driver, process.env);
}

/**
 * The first GPU that there are kernels for. Null where HIP lists none: with the reason, where the driver has one all the same
 * or one is `required`.
 */
export function findGpu(
  driver = readDriver(),
  { required = false } = {},
): { gpu: DeviceInfo | null; trouble: NoGpu | null } {
  const isSupported = (target: string) => PACKAGED_TARGETS.some((packaged) => packaged === target);
  const present = required || driver.targets.some(isSupported);
  try {
    const listed = Device.list();
    const gpu = listed.find(({ arch }) => isSupported(arch)) ?? null;
    if (gpu !== null || !present) return { gpu, trouble: null };
    return { gpu, trouble: listed.length > 0 ? unsupported(listed) : noGpu(null, driver) };
  } catch (error) {
    if (!(error instanceof RocmAttentionError)) throw error;
    return { gpu: null, trouble: noGpu(error, driver) };
  }
}

function unsupported(listed: readonly DeviceInfo[]): NoGpu {
  const archs = [...new Set(listed.map(({ arch }) => arch))].join(", ");
  return {
    text: `there are kernels for ${PACKAGED_TARGETS.join(", ")}, and HIP lists ${archs}`,
    next: USE_EMULATOR,
  };
}
