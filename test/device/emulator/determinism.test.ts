import { createHash } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import { Device } from "../../../lib/device/device.js";
import { emulatorCalls } from "../../../lib/device/emulator.js";
import { onGpu, setOptions } from "../../support/device.js";
import { type CaseOptions, PagedCase } from "../../support/paged-case.js";
import { kernargs, noCompiler, runtimeKernels } from "../../support/runtime-kernels.js";

const GQA = { numHeads: 8, numKvHeads: 2, headSize: 128, blockSize: 16 };
const MHA = { numHeads: 3, numKvHeads: 3, headSize: 64, blockSize: 48 };

/** Decode alone and split, prefill, mixed batches; the kernels for blocks of 16 and for any; both dtypes. */
const ATTENTION: Omit<CaseOptions, "seed">[] = [
  {
    shape: GQA,
    dtype: "bfloat16",
    lengths: [
      [400, 1],
      [31, 1],
    ],
  },
  {
    shape: GQA,
    dtype: "float16",
    lengths: [
      [0, 40],
      [17, 3],
    ],
  },
  {
    shape: GQA,
    dtype: "bfloat16",
    lengths: [
      [200, 1],
      [64, 9],
      [5, 0],
    ],
    batchInvariant: true,
  },
  {
    shape: MHA,
    dtype: "float16",
    lengths: [
      [300, 1],
      [0, 20],
    ],
  },
  {
    shape: MHA,
    dtype: "bfloat16",
    lengths: [
      [60, 1],
      [10, 2],
    ],
  },
];

/** Runs the set on a device of its own and gives a digest of all results. */
async function runSet(): Promise<string> {
  const device = Device.open({ emulate: "gfx942", computeUnits: 8 });
  const digest = createHash("sha256");
  for (const options of ATTENTION) {
    await using paged = await PagedCase.create(device, { ...options, seed: 7 });
    const { bits, lse } = await paged.run();
    digest.update(bits).update(lse!);
  }
  const kernels = device.loadModule(runtimeKernels("gfx942"));
  const stream = device.defaultStream;
  const values = await device.upload(Float32Array.from({ length: 500 }, Math.sqrt), {
    shape: [500],
    dtype: "float32",
  });
  stream.launch(kernels.kernel("add"), {
    grid: [8],
    block: 64,
    kernargs: kernargs(values.pointer, { float: 0.1 }, 490),
  });
  const options = { grid: [1], block: 448, ldsBytes: 4 * 448 };
  stream.launch(kernels.kernel("reverse"), { ...options, kernargs: kernargs(values.pointer, 448) });
  digest.update((await values.read()) as Float32Array);
  await device.close();
  return digest.digest("hex");
}

const SCHEDULES = ["barrier", "turn", "turn:7", "reverse", "seed:1", "seed:2"];
const DELIVERIES = ["early", "late"];
const THREADS = ["1", "2", "5"];
/** What the CPU levels are compared under: the plainest way to run, and the least alike. */
const FEW = [
  ["barrier", "early"],
  ["seed:3", "late"],
] as const;

describe.skipIf(onGpu || noCompiler)("a fixed set of launches gives the same bits", () => {
  const baseline = runSet();

  afterEach(() => {
    setOptions({ SCHEDULE: "barrier", DELIVERY: "early", THREADS: "0", CPU: "best" });
  });

  it("and is small", async () => {
    const before = emulatorCalls("hipModuleLaunchKernel");
    expect(await runSet()).toBe(await baseline);
    expect(emulatorCalls("hipModuleLaunchKernel") - before).toBeLessThanOrEqual(60);
  });

  it.each(SCHEDULES)(
    "under schedule %s, early and late delivery, and any number of threads",
    async (SCHEDULE) => {
      for (const [i, DELIVERY] of DELIVERIES.entries()) {
        setOptions({ SCHEDULE, DELIVERY, THREADS: THREADS[(SCHEDULES.indexOf(SCHEDULE) + i) % 3]! });
        expect(await runSet()).toBe(await baseline);
      }
    },
  );

  it.for(["x86_64", "x86_64_v3", "x86_64_v4"])("on CPU level %s", async (CPU, { skip }) => {
    if (!setOptions({ CPU })) skip("this CPU has no such instructions");
    for (const [SCHEDULE, DELIVERY] of FEW) {
      setOptions({ SCHEDULE, DELIVERY });
      expect(await runSet()).toBe(await baseline);
    }
  });
});
