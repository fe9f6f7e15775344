import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./setup/paths.mjs";

/** Writes which manifests of kernels belong to a release into the main package; the doctor compares installed ones with it. */
export function writeReleased(targets) {
  const digest = (target) =>
    createHash("sha256")
      .update(readFileSync(join(root, "build", "kernels", target, "manifest.json")))
      .digest("hex");
  const digests = Object.fromEntries(targets.map((target) => [target, digest(target)]));
  writeFileSync(join(root, "dist", "catalog", "manifests.json"), `${JSON.stringify(digests, null, 1)}\n`);
}
