import { join } from "node:path";
import { aiter } from "./aiter.mjs";
import { root } from "./paths.mjs";
import { kernelPython } from "./python.mjs";
import { run } from "./run.mjs";
import { fingerprint, isUpToDate, setStamp } from "./stamp.mjs";
import { packagedTargets } from "./targets.mjs";
import { toolchain, toolchainBin } from "./toolchain.mjs";

const sources = ["kernels", "lib/catalog/targets.json", "lib/catalog/contract.json"];
// What can be built depends on the compilers that are there.
const inputs = (set) => fingerprint(sources, [set, String(toolchain.isDone()), String(aiter.isDone())]);
const manifest = (target) => join("build", "kernels", target, "manifest.json");
/** The manifest of the kernels for a target that only tests and benchmarks run. */
export const testManifest = (target) => join("build", "test-kernels", target, "manifest.json");

/** Where the programs are that the set-up has unpacked or installed apart from the system. */
export const programPath = [kernelPython.bin, process.env.PATH ?? "", toolchainBin].join(":");

/** The kernels of a target: the set "demo" has what the demo launches, "all" everything that is published. */
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

/**
 * The kernels that only tests and benchmarks run: CK-tile's attention and AITER's paged decode, from templates in AITER's
 * wheel (minutes of each core, once for each version), and its assembly. Where the compiler or the wheel is missing the
 * set-up goes on.
 */
export const testKernels = {
  title: "kernels for tests (CK, AITER)",
  isDone: () => isUpToDate("test-kernels", inputs("tests"), packagedTargets.map(testManifest)),
  perform: async (progress) => {
    const lacking = [toolchain, aiter].filter((step) => !step.isDone()).map(({ title }) => title);
    if (lacking.length > 0) {
      return `not available without ${lacking.join(" and ")}\n    The tests that decode and run them are skipped.`;
    }
    const made = inputs("tests");
    const args = ["--target", packagedTargets.join(","), "--set", "tests"];
    const env = { ...process.env, PATH: programPath };
    await run("test-kernels", join(root, "kernels", "build"), args, { env, onLine: progress });
    setStamp("test-kernels", made);
  },
};
