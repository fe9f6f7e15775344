import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { gpuTarget } from "../../../scripts/setup/gpu.mjs";

it.each([
  ["a CPU alone", [0], undefined],
  ["a CPU and an MI300X", [0, 90402], "gfx942"],
  ["an MI350X", [0, 90500], "gfx950"],
  ["an MI250X beside graphics without kernels", [0, 100306, 90010], "gfx90a"],
  ["graphics without kernels", [0, 110501], undefined],
])("finds in a machine with %s", (_, versions, expected) => {
  const folder = mkdtempSync(join(tmpdir(), "rocm-attention-"));
  versions.forEach((version, node) => {
    mkdirSync(join(folder, String(node)));
    const properties = `cpu_cores_count 8\ngfx_target_version ${version}\nvendor_id 4098\n`;
    writeFileSync(join(folder, String(node), "properties"), properties);
  });
  expect(gpuTarget(folder)).toBe(expected);
  rmSync(folder, { recursive: true });
});

it("finds none where there is no driver", () => {
  expect(gpuTarget("/nowhere")).toBeUndefined();
});
