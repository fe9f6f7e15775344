import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { isReleased } from "../../../lib/kernels/released.js";

const folder = mkdtempSync(join(tmpdir(), "released-"));
afterAll(() => rmSync(folder, { recursive: true }));

it("knows a release's manifest by its bytes", () => {
  const digests = join(folder, "manifests.json");
  const [manifest, text] = [join(folder, "manifest.json"), '{ "kernels": [] }'];
  writeFileSync(manifest, text);
  expect(isReleased(folder, "gfx942", digests)).toBe(false);
  writeFileSync(digests, JSON.stringify({ gfx942: createHash("sha256").update(text).digest("hex") }));
  expect(isReleased(folder, "gfx942", digests)).toBe(true);
  expect(isReleased(folder, "gfx950", digests)).toBe(false);
  writeFileSync(manifest, `${text} `);
  expect(isReleased(folder, "gfx942", digests)).toBe(false);
});
