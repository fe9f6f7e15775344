import { join } from "node:path";
import { root } from "./paths.mjs";
import { kernelPython } from "./python.mjs";
import { run } from "./run.mjs";
import { fingerprint, isUpToDate, setStamp } from "./stamp.mjs";
import { toolchain, toolchainBin } from "./toolchain.mjs";

// What can be built depends on the compilers that are there.
const inputs = (set) =>
  fingerprint(
    ["kernels", "lib/catalog/targets.json", "lib/catalog/contract.json"],
    [set, String(toolchain.isDone())],
  );
const manifest = (target) => join("build", "kernels", target, "manifest.json");

/** Where the programs are that the set-up has unpacked or installed apart from the system. */
export const programPath = [kernelPython.bin, process.env.PATH ?? "", toolchainBin].join(":");

/** The kernels of a target: the set "demo" has what the demo launches, "all" everything. */
export function kernels(target, set) {
  const stamp = (name) => `kernels-${target}-${name}`;
  return {
    title: `kernels for ${target}`,
    isDone: () =>
      // A complete build serves the demo too, and is not to be replaced by a smaller one.
      [set, "all"].some((name) => isUpToDate(stamp(name), inputs(name), [manifest(target)])),
    perform: async (progress) => {
      const made = inputs(set);
      const args = ["--target", target, ...(set === "all" ? [] : ["--set", set])];
      const env = { ...process.env, PATH: programPath };
      await run(stamp(set), join(root, "kernels", "build"), args, { env, onLine: progress });
      setStamp(stamp(set), made);
    },
  };
}
