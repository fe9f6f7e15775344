import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { kernelPackages } from "../../../scripts/kernel-packages.mjs";
import { root } from "../../../scripts/setup/paths.mjs";
import { packagedTargets } from "../../../scripts/setup/targets.mjs";

it("packages/ has a package for each target that has one (else run: node scripts/kernel-packages.mjs)", () => {
  for (const { path, text } of kernelPackages) expect(readFileSync(join(root, path), "utf8")).toBe(text);
  const folders = packagedTargets.map((target: string) => `kernels-${target}`);
  expect(readdirSync(join(root, "packages")).sort()).toEqual(["README.md", ...folders].sort());
});

it("the main package names them as its optional peers", () => {
  const { version, peerDependencies, peerDependenciesMeta } = JSON.parse(
    readFileSync(join(root, "package.json"), "utf8"),
  );
  const names = packagedTargets.map((target: string) => `@rocm-attention/kernels-${target}`);
  expect(peerDependencies).toEqual(Object.fromEntries(names.map((name: string) => [name, version])));
  expect(peerDependenciesMeta).toEqual(
    Object.fromEntries(names.map((name: string) => [name, { optional: true }])),
  );
});
