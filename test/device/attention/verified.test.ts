import { afterAll, describe, expect, it } from "vitest";
import { installedKernels, type LocatedRow } from "../../../lib/kernels/store.js";
import { BACKENDS, ROCM_ATTN_IN_TRITON, takes } from "../../support/backends.js";
import { onGpu } from "../../support/device.js";
import { HIP_TEST_DEVICES } from "../../support/hip-kernels.js";
import { type CaseOptions, PagedCase } from "../../support/paged-case.js";
import { isAccurate, type Lengths } from "../../support/reference.js";
import { launchesOf } from "../../support/verified.js";

/**
 * Batches that between them launch every kernel of a backend: a split decode beside a prefill, a short one, and one with as
 * many sequences as make the largest tile pay on a device.
 */
const batchesFor = (computeUnits: number): readonly Lengths[] => [
  [
    [300, 1],
    [20, 40],
  ],
  [[20, 3]],
  [[20, 12], ...Array.from({ length: computeUnits }, () => [0, 0] as const)],
];

const FEATURES = { slidingWindow: 280, logitsSoftCap: 20, alibi: true, sinks: true };
const SCALES = { kScale: 0.02, vScale: 0.03, as: "tensor" } as const;

describe.each(HIP_TEST_DEVICES)("the Triton kernels for $name", ({ open }) => {
  const device = open();
  const { arch } = device.info;
  afterAll(() => device.close());

  it("that are marked as verified compute what float64 does, each of them", async () => {
    const marked = installedKernels([arch]).kernels.filter(
      ({ verified, provider, operation }) =>
        (onGpu || verified !== "none") && provider === "triton" && !operation.includes("mla"),
    );
    expect(marked.length).toBeGreaterThan(0);
    const launched = new Set<string>();
    // The others run beside those that attend.
    const attending = marked.filter(({ serves }) => serves.attentionTypes !== undefined);
    for (const row of new Map(attending.map((row) => [kind(row), row])).values()) {
      for (const id of await kernelsThatRun(row)) launched.add(id);
    }
    const ofTriton = [...launched].filter((id) => id.startsWith("triton."));
    expect(ofTriton.sort()).toEqual(marked.map(({ id }) => id).sort());
  });

  /** Runs attention with the kernels of a row's kind and compares it with float64; gives the kernels' ids. */
  async function kernelsThatRun({ serves }: LocatedRow): Promise<string[]> {
    const under = [ROCM_ATTN_IN_TRITON, ...BACKENDS].find(({ layout }) => serves.layouts!.includes(layout))!;
    const dtype = serves.dtypes![0] as CaseOptions["dtype"];
    // Not a power of two: a part of what the kernel pads to.
    const { max } = serves.headSizes as { max: number };
    const headSize = [max - 24, max - 32].find((size) => takes(under, dtype, size))!;
    const shape = { numHeads: 8, numKvHeads: 2, headSize, blockSize: 48 };
    const ids: string[] = [];
    for (const lengths of batchesFor(device.info.computeUnits)) {
      const features = serves.features.alibi === "runtime" ? FEATURES : {};
      const scales = serves.kvCacheDtypes!.includes("fp8") ? SCALES : undefined;
      await using paged = await PagedCase.create(device, {
        shape,
        dtype,
        lengths,
        features,
        scales,
        under,
        seed: 17,
      });
      const { kernels, result } = await launchesOf(() => paged.run());
      ids.push(...kernels);
      expect(paged.errors(result.output)).toSatisfy((errors) => isAccurate(errors, dtype));
    }
    return ids;
  }
});

/** Rows of one kind run in the same attention. None has a feature compiled in, which some attentions do not ask for. */
function kind({ serves }: LocatedRow): string {
  expect(Object.values(serves.features)).not.toContain("compiled");
  return JSON.stringify([
    serves.dtypes,
    serves.headSizes,
    serves.layouts,
    serves.kvCacheDtypes,
    serves.features.alibi,
  ]);
}
