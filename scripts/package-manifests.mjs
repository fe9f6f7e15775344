// Writes packages/<name>/package.json, what the packages beside the main one are published with, from the main one's own and
// the GPU targets.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { root } from "./setup/paths.mjs";
import { targets } from "./setup/targets.mjs";

const { version, license, repository, bugs, homepage, keywords, publishConfig } = JSON.parse(
  readFileSync(join(root, "package.json"), "utf8"),
);

/** A package whose folder is `name` and which has these files. */
function manifest(name, description, files, fields = {}) {
  const facts = {
    name: `@rocm-attention/${name}`,
    version,
    description,
    keywords,
    license,
    repository: { ...repository, directory: `packages/${name}` },
    bugs,
    homepage,
    type: "module",
    ...fields,
    files,
    publishConfig,
  };
  return { path: join("packages", name, "package.json"), text: `${JSON.stringify(facts, null, 2)}\n` };
}

const exported = (...paths) => ({
  exports: Object.fromEntries([...paths, "package.json"].map((path) => [`./${path}`, `./${path}`])),
});

/** The package.json of each package beside the main one: its path and its text. */
export const packageManifests = [
  ...targets
    .filter((target) => target.package)
    .map(({ name, gpus }) =>
      manifest(
        `kernels-${name}`,
        `GPU kernels of rocm-attention for ${name}: AMD Instinct ${gpus}`,
        ["manifest.json", "*.co", "sources", "LICENSE.*"],
        exported("manifest.json"),
      ),
    ),
  manifest(
    "emulator",
    "The emulator of AMD GPUs with which rocm-attention runs where there is none",
    ["librocm_emulator.so", "LICENSE.*"],
    { os: ["linux"], cpu: ["x64"], libc: ["glibc"], ...exported("librocm_emulator.so") },
  ),
  manifest(
    "demo-models",
    "Two tiny language models, with which rocm-attention shows itself",
    ["*.safetensors"],
    exported("austen-gqa.safetensors", "austen-mla.safetensors"),
  ),
];

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { path, text } of packageManifests) {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}
