import { accessSync, constants, existsSync } from "node:fs";
import { join } from "node:path";
import type { ErrorCode } from "../../errors.js";
import { kernelSources } from "../../kernels/sources.js";
import { installedKernels } from "../../kernels/store.js";
import { packageRoot } from "../../native.js";

/** What to type next, by what is wrong. */

export const USE_EMULATOR = "ROCM_ATTENTION_DEVICE=emulator:gfx942 npx rocm-attention doctor";

const isClone = existsSync(join(packageRoot, "kernels", "build"));

export const GET_ADDON = isClone ? "npx cmake-js build" : "npm install --force rocm-attention";

/** For a target that has no kernels. */
export function getKernels(target: string): string {
  return isClone ? `kernels/build --target ${target}` : `npm install @rocm-attention/kernels-${target}`;
}

/** For a target whose kernels are damaged. */
export function replaceKernels(target: string): string {
  const found = kernelSources(target).find(({ path }) => existsSync(join(path, "manifest.json")));
  if (found?.source === "ROCM_ATTENTION_KERNEL_PATH") return "unset ROCM_ATTENTION_KERNEL_PATH";
  return isClone ? getKernels(target) : `npm install --force @rocm-attention/kernels-${target}`;
}

/** Where the HIP runtime is loaded and sees no GPU: what the driver lets this process do. */
export function gpuAccess(): { text: string; next: string } {
  const driver = "/dev/kfd";
  if (!existsSync(driver))
    return { text: `there is no ${driver}: the amdgpu driver has no GPU`, next: USE_EMULATOR };
  try {
    accessSync(driver, constants.R_OK | constants.W_OK);
    return { text: `${driver} may be opened`, next: "rocminfo" };
  } catch {
    return { text: `${driver} may not be opened`, next: "sudo usermod -aG render,video $USER" };
  }
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
