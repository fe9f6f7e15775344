import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { setEmulatorOption, takeLaunchCounters } from "../../../lib/device/emulator.js";
import { type AttentionConfig, Device, flex, type MaskMod, type Tensor } from "../../../lib/index.js";
import { onGpu } from "../../support/device.js";
import { uploadTables, withReference } from "../../support/flex-device.js";
import { noHipKernels } from "../../support/hip-kernels.js";
import { type CaseOptions, PagedCase } from "../../support/paged-case.js";
import { isAccurate, type Lengths } from "../../support/reference.js";

const under = { backend: "FLEX_ATTENTION", layout: "halves" } as const;
const LENGTHS: Lengths = [
  [700, 1],
  [0, 1],
  [95, 1],
  [3, 0],
  [256, 1],
];

describe.skipIf(onGpu || noHipKernels !== null)("decodes over segments of their keys", () => {
  const device = Device.open({ emulate: "gfx942", computeUnits: 80 });
  let documents: Tensor;
  let values: Map<unknown, readonly number[]>;
  beforeAll(async () => {
    const table = { dtype: "int32", shape: [5, 800], values: [] as number[] } as const;
    for (let i = 0; i < 4000; i++) table.values.push(Math.floor((i % 800) / 90));
    [documents] = (await uploadTables(device, [table])) as [Tensor];
    values = new Map([[documents, table.values]]);
  });
  afterAll(() => device.close());

  function create(options: Partial<CaseOptions>, functions?: Pick<AttentionConfig, "scoreMod" | "maskMod">) {
    return PagedCase.create(device, {
      ...{ shape: { numHeads: 6, numKvHeads: 2, headSize: 128, blockSize: 16 }, dtype: "bfloat16" },
      ...{ lengths: LENGTHS, seed: 8, under, ...options },
      ...(functions !== undefined && { functions: { ...withReference(functions, values), ...functions } }),
    });
  }

  /** Runs a case, and holds its results against the reference. Returns the kernels that it launched after its cache write. */
  async function check(paged: PagedCase): Promise<string[]> {
    setEmulatorOption("COUNTERS", "basic");
    const { output, lse } = await paged.run();
    setEmulatorOption("COUNTERS", "off");
    const kernels = takeLaunchCounters(device).map(({ kernel }) => kernel);
    expect(paged.errors(output)).toSatisfy((errors) => isAccurate(errors, paged.options.dtype));
    expect(paged.lseError(lse)).toBeLessThan(5e-3);
    return kernels.slice(-2);
  }
  const SPLIT = ["flex_attention", "reduce_segments"];

  const far: MaskMod = ({ query, key }) => query.sub(key).ge(300).or(key.eq(query));
  const cases: [string, Partial<CaseOptions>, (() => Pick<AttentionConfig, "scoreMod" | "maskMod">)?][] = [
    ["options", { features: { sinks: true, alibi: true, logitsSoftCap: 4 } }],
    ["a window", { features: { slidingWindow: 150, sinks: true } }],
    ["documents and sinks", { features: { sinks: true } }, () => ({ maskMod: flex.documentMask(documents) })],
    ["rows that see nothing in many segments", {}, () => ({ maskMod: far, scoreMod: flex.softCap(9) })],
    ["rows that see nothing", {}, () => ({ maskMod: ({ key }) => key.lt(0) })],
    [
      "float16, padded heads",
      { dtype: "float16", shape: { numHeads: 4, numKvHeads: 1, headSize: 72, blockSize: 33 } },
    ],
    ["float32", { dtype: "float32", shape: { numHeads: 4, numKvHeads: 2, headSize: 64, blockSize: 16 } }],
  ];
  it.each(cases)("hold for %s", async (_, options, functions) => {
    await using paged = await create(options, functions?.());
    expect(await check(paged)).toEqual(SPLIT);
  });

  it("are not made where a sequence has more than one query token, or must be computed alike in every batch", async () => {
    await using several = await create({ lengths: [...LENGTHS, [200, 2]] });
    expect(await check(several)).not.toContain("reduce_segments");
    await using invariant = await create({ batchInvariant: true });
    expect(await check(invariant)).not.toContain("reduce_segments");
  });

  it("are seen where one is lost", async () => {
    const mistake = flex.and(far, ({ key }) => key.ge(96));
    const functions = { ...withReference({ maskMod: mistake }, values), maskMod: far };
    await using paged = await create({ functions });
    await expect(check(paged)).rejects.toThrow();
  });
});
