import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Beside the catalog, in a released package: the SHA-256 of each target's manifest. A clone has none. */
const DIGESTS = new URL("../catalog/manifests.json", import.meta.url);

/**
 * Whether a folder's manifest is the one that this release was published with, byte for byte. It states the SHA-256 of every
 * code object, which loading compares.
 */
export function isReleased(folder: string, target: string, digests: URL | string = DIGESTS): boolean {
  if (!existsSync(digests)) return false;
  const released: Readonly<Record<string, string>> = JSON.parse(readFileSync(digests, "utf8"));
  const manifest = readFileSync(join(folder, "manifest.json"));
  return released[target] === createHash("sha256").update(manifest).digest("hex");
}
