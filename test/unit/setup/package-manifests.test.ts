import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { packageManifests } from "../../../scripts/package-manifests.mjs";
import { root } from "../../../scripts/setup/paths.mjs";
import { packagedTargets } from "../../../scripts/setup/targets.mjs";

it("packages/ has a package for each target, the emulator and the models (else run: node scripts/package-manifests.mjs)", () => {
  for (const { path, text } of packageManifests) expect(readFileSync(join(root, path), "utf8")).toBe(text);
  const kernels = packagedTargets.map((target: string) => `kernels-${target}`);
  const folders = [...kernels, "emulator", "demo-models"];
  expect(readdirSync(join(root, "packages")).sort()).toEqual(["README.md", ...folders].sort());
});

it("the main package names them as its optional peers", () => {
  const { version, peerDependencies, peerDependenciesMeta } = JSON.parse(
    readFileSync(join(root, "package.json"), "utf8"),
  );
  const kernels = packagedTargets.map((target: string) => `kernels-${target}`);
  const names = [...kernels, "emulator", "demo-models"].map((name) => `@rocm-attention/${name}`);
  expect(peerDependencies).toEqual(Object.fromEntries(names.map((name: string) => [name, version])));
  expect(peerDependenciesMeta).toEqual(
    Object.fromEntries(names.map((name: string) => [name, { optional: true }])),
  );
});
