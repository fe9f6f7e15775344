import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { root } from "../../scripts/setup/paths.mjs";
import { onGpu } from "../support/device.js";
import { runNode } from "../support/node.js";
import { noTestKernels } from "../support/test-kernels.js";

interface Kernel {
  name: string;
  reason?: string;
  microseconds: number;
  loadedMicroseconds: number;
  cacheShare: number;
  launches: {
    counted: number;
    grid: [number, number, number];
    matrixClocks: number;
    ldsConflicts: number;
    model: { busyXcds: number; busyComputeUnits: number; bytesInFlight: number };
  }[];
}
interface Result {
  name: string;
  least: { total: number };
  kernels: Kernel[];
}

const folder = mkdtempSync(join(tmpdir(), "rocm-attention-"));
afterAll(() => rmSync(folder, { recursive: true }));

const bench = (...args: string[]) => runNode([join(root, "bench", "kernels.mjs"), ...args]);
const results = (...args: string[]): Result[] => JSON.parse(bench("--json", ...args).stdout);

describe.skipIf(onGpu)("npm run bench:kernels", () => {
  it("models every kernel that is at hand, and draws them", () => {
    const file = join(folder, "chart.svg");
    const [{ name, least, kernels }, ...rest] = results(
      ...["--shape", "decode 8 x 2048, heads 64/8, bf16", "--chart", file],
    ) as [Result];
    expect([name, rest]).toEqual(["decode 8 x 2048, heads 64/8, bf16", []]);
    const ran = kernels.filter(({ reason }) => reason === undefined).map(({ name }) => name);
    expect(ran).toEqual(expect.arrayContaining(["TRITON_ATTN", "ROCM_ATTN"]));
    if (!noTestKernels)
      expect(ran).toEqual(expect.arrayContaining(["AITER pa_v1", "AITER pa asm", "AITER pa Triton"]));
    const drawing = readFileSync(file, "utf8");
    for (const kernel of kernels.filter(({ reason }) => reason === undefined)) {
      // Each line of the cache is read once; of a sample's workgroups some may have nothing to do.
      expect(kernel.cacheShare, kernel.name).toBeGreaterThan(0.9);
      expect(kernel.cacheShare, kernel.name).toBeLessThan(1.02);
      expect(kernel.microseconds, kernel.name).toBeGreaterThan(0.9 * least.total);
      expect(kernel.loadedMicroseconds, kernel.name).toBeGreaterThanOrEqual(kernel.microseconds);
      expect(drawing).toContain(kernel.name);
    }
  });

  it.each([
    // A prefill's tiles differ in length.
    ["decode 8 x 8192, heads 32/8, bf16", 0.01],
    ["prefill 2048, heads 16/16, bf16", 0.12],
  ])("finds by a sample what all workgroups show: %s", (shape, tolerance) => {
    const [sampled] = results("--shape", shape, "--kernel", "TRITON_ATTN") as [Result];
    const [full] = results("--shape", shape, "--kernel", "TRITON_ATTN", "--full") as [Result];
    const [one, all] = [sampled.kernels[0]!, full.kernels[0]!];
    const [launch, whole] = [one.launches[0]!, all.launches[0]!];
    const [x, y, z] = whole.grid;
    expect(whole.counted).toBe(x * y * z);
    expect(launch.counted).toBeLessThan(whole.counted);
    expect(Math.abs(one.microseconds / all.microseconds - 1)).toBeLessThan(tolerance);
    expect(Math.abs(launch.matrixClocks / whole.matrixClocks - 1)).toBeLessThan(tolerance);
    expect(one.cacheShare).toBeCloseTo(all.cacheShare, 1);
  });

  it("shows that paged decode keeps the GPU busy with one KV head, and reads each line once", () => {
    const [{ kernels }] = results(
      ...["--shape", "decode 1 x 32768, heads 8/1, bf16", "--kernel", "ROCM_ATTN"],
    ) as [Result];
    const [{ cacheShare, launches }] = kernels as [Kernel];
    expect(cacheShare).toBeLessThan(1.02);
    expect(launches[0]!.ldsConflicts).toBeLessThan(0.05);
    expect(launches[0]!.model.busyXcds).toBe(8);
    expect(launches[0]!.model.busyComputeUnits).toBeGreaterThan(0.8 * 304);
    expect(launches[0]!.model.bytesInFlight).toBeGreaterThanOrEqual(16 * 1024);
  });

  it("knows no other shapes", () => {
    const { status, stderr } = bench("--shape", "decode 7 x 7");
    expect(status).toBe(2);
    expect(stderr).toContain("prefill 4096, heads 32/8, bf16");
  });

  it("models the cache operations and latent products, all at what their bytes take", () => {
    const operations: (Kernel & { least: number })[] = JSON.parse(
      bench("--json", "--shape", "split, ").stdout,
    );
    expect(operations.map(({ name }) => name)).toEqual([
      ...["write to split, bf16", "gather from split, bf16", "write to split, fp8", "gather from split, fp8"],
    ]);
    for (const { name, microseconds, least } of operations) {
      expect(microseconds / least, name).toBeGreaterThan(0.98);
      expect(microseconds / least, name).toBeLessThan(1.05);
    }
    const products: (Kernel & { least: number })[] = JSON.parse(
      bench("--json", "--shape", "product, 16 tokens, heads 128").stdout,
    );
    expect(products).toHaveLength(2);
    for (const { name, microseconds, least } of products) {
      expect(microseconds / least, name).toBeGreaterThan(0.98);
      expect(microseconds / least, name).toBeLessThan(1.25);
    }
    expect(bench("--shape", "copy blocks").stdout).toMatch(
      /copy blocks of 4 layers +\d+\.\d +1\.00 x +memory/,
    );
  });
});
