import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ErrorCode, RocmAttentionError } from "../../errors.js";
import { kernelSources } from "../../kernels/sources.js";
import { installedKernels } from "../../kernels/store.js";
import { packageRoot, packageVersion } from "../../package.js";
import { type Driver, hidingVariables } from "./driver.js";

/** Commands to type next, by the trouble that they end. */

export const USE_EMULATOR = "ROCM_ATTENTION_DEVICE=emulator:gfx942 npx rocm-attention doctor";

/** Kernels belong to the package of the same version. */
const VERSION = packageVersion();

const isClone = existsSync(join(packageRoot() ?? "", "kernels", "build"));

export const GET_ADDON = isClone ? "npm run build:native" : "npm install --force rocm-attention";

export const GET_EMULATOR = isClone ? GET_ADDON : "npm install @rocm-attention/emulator";

const JOIN_GROUPS = "sudo usermod -aG render,video $USER";
const PASS_GPUS = "docker run --device=/dev/kfd --device=/dev/dri --group-add video --group-add render ...";

/** For a target that has no kernels. */
export function getKernels(target: string): string {
  return isClone
    ? `kernels/build --target ${target}`
    : `npm install @rocm-attention/kernels-${target}@${VERSION}`;
}

/** For a target whose kernels are damaged. */
export function replaceKernels(target: string): string {
  const found = kernelSources(target).find(({ path }) => existsSync(join(path, "manifest.json")));
  if (found?.source === "ROCM_ATTENTION_KERNEL_PATH") return "unset ROCM_ATTENTION_KERNEL_PATH";
  return isClone ? getKernels(target) : `npm install --force @rocm-attention/kernels-${target}@${VERSION}`;
}

/** A reason why there is no GPU to use, and the command that changes it. */
export interface NoGpu {
  text: string;
  next: string;
}

/** Where no HIP runtime could be loaded. */
export function withoutHip({ targets }: Driver, env: NodeJS.ProcessEnv): NoGpu {
  if (env.ROCM_ATTENTION_HIP_LIBRARY) {
    return { text: "the HIP library that is named is none", next: "unset ROCM_ATTENTION_HIP_LIBRARY" };
  }
  return targets.length === 0
    ? { text: "the amdgpu driver has no GPU, and there is no HIP runtime", next: USE_EMULATOR }
    : {
        text: `the driver has ${targets.join(", ")}, but there is no HIP runtime of ROCm 6 or 7`,
        next: "sudo apt-get install hip-runtime-amd",
      };
}

/** Where HIP fails to list its GPUs. */
export function listingFailed({ hipError, message }: RocmAttentionError): NoGpu {
  return hipError === "hipErrorInsufficientDriver"
    ? {
        text: `${message}: the amdgpu driver is too old for this HIP runtime`,
        next: "sudo apt-get install amdgpu-dkms",
      }
    : { text: message, next: "rocminfo" };
}

/** Why the driver lets this process use no GPU, or null. */
export function driverTrouble({ targets, files, hasKfd, hasRenderNode, inContainer }: Driver): NoGpu | null {
  if (targets.length === 0 && !hasKfd) {
    return { text: "there is no /dev/kfd: the amdgpu driver has no GPU", next: USE_EMULATOR };
  }
  const absent = [...(hasKfd ? [] : ["/dev/kfd"]), ...(hasRenderNode ? [] : ["/dev/dri/renderD*"])];
  if (absent.length > 0) {
    const has = targets.length === 0 ? "" : `the driver has ${targets.join(", ")}, but `;
    return { text: `${has}there is no ${absent.join(" and no ")} here`, next: PASS_GPUS };
  }
  const closed = files.filter(({ opens }) => !opens).map(({ path }) => path);
  if (closed.length === 0) return null;
  return { text: `${closed.join(", ")} may not be opened`, next: inContainer ? PASS_GPUS : JOIN_GROUPS };
}

/** Where HIP lists no GPU: because of what the driver has and lets this process do, or of variables. */
export function noneListed(driver: Driver, env: NodeJS.ProcessEnv): NoGpu {
  const trouble = driverTrouble(driver);
  if (trouble !== null) return trouble;
  const override = "HSA_OVERRIDE_GFX_VERSION";
  const hiding = [...hidingVariables(env), ...(env[override] === undefined ? [] : [override])];
  return hiding.length > 0
    ? { text: `${hiding.join(" and ")} may hide every GPU`, next: `unset ${hiding.join(" ")}` }
    : { text: "the driver's files may be opened", next: "rocminfo" };
}

/** For an attention that could not be made on a device of this target. */
export function afterAttentionFailure(code: ErrorCode, target: string): string {
  switch (code) {
    case "ERR_NO_KERNELS_FOR_ARCH":
      // Where there are kernels, the variables have chosen a backend that has none among them.
      return installedKernels([target]).kernels.length === 0
        ? getKernels(target)
        : "VLLM_ATTENTION_BACKEND=TRITON_ATTN npx rocm-attention doctor";
    case "ERR_KERNEL_CORRUPT":
    case "ERR_KERNEL_NOT_FOUND":
      return replaceKernels(target);
    case "ERR_INVALID_BACKEND":
    case "ERR_BACKEND_UNSUPPORTED":
    case "ERR_AITER_NOT_INSTALLED":
      return "unset VLLM_ATTENTION_BACKEND";
    default:
      return USE_EMULATOR;
  }
}
