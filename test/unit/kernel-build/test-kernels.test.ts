import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseManifest } from "../../../lib/catalog/parse-manifest.js";
import { testManifest } from "../../../scripts/setup/kernels.mjs";
import { root } from "../../../scripts/setup/paths.mjs";
import { packagedTargets } from "../../../scripts/setup/targets.mjs";
import { noTestKernels } from "../../support/test-kernels.js";

const read = (path: string) => parseManifest(readFileSync(path, "utf8"), path);

describe.skipIf(noTestKernels)("the kernels that only tests run", () => {
  it.each(packagedTargets as string[])("have a manifest like any other: %s", (target) => {
    const path = join(root, testManifest(target));
    const { kernels } = read(path);
    const hashes = kernels.map(({ file, sha256 }) => {
      const code = readFileSync(join(dirname(path), file));
      expect(createHash("sha256").update(code).digest("hex"), file).toBe(sha256);
      return file;
    });
    const others = readdirSync(dirname(path)).filter((name) => !name.startsWith("LICENSE."));
    expect(others.sort()).toEqual([...hashes, "manifest.json"].sort());
  });

  it.each(packagedTargets as string[])("are not among those that are published: %s", (target) => {
    const path = join(root, "build", "kernels", target, "manifest.json");
    expect(existsSync(path)).toBe(true);
    const published = new Set(read(path).kernels.map(({ id }) => id));
    const own = read(join(root, testManifest(target))).kernels.map(({ id }) => id);
    expect(own.filter((id) => published.has(id))).toEqual([]);
  });
});
