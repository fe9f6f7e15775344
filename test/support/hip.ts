import { readFileSync } from "node:fs";
import { hipKernels, hipObjects } from "../../scripts/setup/hip.mjs";

/** Why the kernels that are compiled from CK-tile's and AITER's templates cannot be used, or null. */
export const noHipKernels = hipKernels.isDone() ? null : "CK's kernels were not compiled";

const objects = hipObjects() ?? [];

/** The paths of a provider's ("ck", "aiter") code objects for `arch`. */
export function hipObjectPaths(arch: string, provider: string): string[] {
  return objects
    .filter(({ name, target }) => target === arch && name.startsWith(`${provider}.`))
    .map(({ path }) => path);
}

/** The code object of an instance ("ck.forward"). */
export function hipObject(arch: string, instance: string): Buffer {
  const object = objects.find(({ name, target }) => name === instance && target === arch);
  if (object === undefined) throw new Error(`no code object ${instance} for ${arch}`);
  return readFileSync(object.path);
}
