import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadKernel } from "../../../lib/kernels/store.js";
import { openTestDevice } from "../../support/device.js";
import { locatedRow } from "../../support/manifests.js";
import { noCompiler, runtimeKernels } from "../../support/runtime-kernels.js";

const device = openTestDevice();
const path = mkdtempSync(join(tmpdir(), "kernel-load-"));
afterAll(async () => {
  await device.close();
  rmSync(path, { recursive: true });
});

describe.skipIf(noCompiler)("two kernels of one code object", () => {
  it("are each their own symbol, in one module", () => {
    const bytes = runtimeKernels(device.info.arch);
    writeFileSync(join(path, "runtime.co"), bytes);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const kernel = (symbol: string) =>
      loadKernel(device, locatedRow(path, { file: "runtime.co", sha256, symbol }));
    const [reverse, other] = [kernel("reverse"), kernel("add")];
    expect([reverse.symbol, other.symbol]).toEqual(["reverse", "add"]);
    expect(other.module).toBe(reverse.module);
    expect(kernel("reverse")).toBe(reverse);
  });
});
