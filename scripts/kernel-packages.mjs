// Writes packages/kernels-<target>/package.json, what the packages of kernels are published with, from the GPU targets.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { root } from "./setup/paths.mjs";
import { targets } from "./setup/targets.mjs";

const { version, license } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** The package.json of each packaged target's kernels: its path and its text. */
export const kernelPackages = targets
  .filter((target) => target.package)
  .map(({ name, gpus }) => ({
    path: join("packages", `kernels-${name}`, "package.json"),
    text: `${JSON.stringify(
      {
        name: `@rocm-attention/kernels-${name}`,
        version,
        description: `GPU kernels of rocm-attention for ${name}: AMD Instinct ${gpus}`,
        license,
        type: "module",
        exports: { "./manifest.json": "./manifest.json", "./package.json": "./package.json" },
        files: ["manifest.json", "*.co", "sources", "LICENSE.*"],
      },
      null,
      2,
    )}\n`,
  }));

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { path, text } of kernelPackages) {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}
