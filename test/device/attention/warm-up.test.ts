import { afterEach, describe, expect, it } from "vitest";
import { emulatorCalls } from "../../../lib/device/emulator.js";
import { createAttention, createBatch, type Device } from "../../../lib/index.js";
import { BACKENDS } from "../../support/backends.js";
import { coded } from "../../support/coded.js";
import { onGpu, openTestDevice } from "../../support/device.js";

/** HIP functions that a request does not wait for: they load, allocate or make something. */
const SLOW = [
  ...["hipModuleLoadData", "hipModuleGetFunction", "hipMalloc", "hipHostMalloc"],
  ...["hipStreamCreateWithFlags", "hipStreamSynchronize", "hipDeviceSynchronize"],
];

const SHAPE = {
  numHeads: 4,
  numKvHeads: 1,
  headSize: 128,
  dtype: "bfloat16",
  alibiSlopes: [1, 0.5, 0.25, 0.125],
} as const;
const LIMITS = { maxSequences: 2, maxTokens: 40, maxBlocksPerSequence: 40 };

describe.skipIf(onGpu).each(BACKENDS)("$backend after warmUp", ({ backend }) => {
  let device: Device;
  afterEach(() => device.close());

  it("runs its first calls without loading, allocating or waiting", async () => {
    device = openTestDevice();
    const attention = createAttention(device, { ...SHAPE, backend });
    const cache = attention.createKvCache({ numBlocks: 80 }).layer(0);
    const batch = createBatch(device, LIMITS);
    const rows = (heads: number) => device.zeros([40, heads, 128], "bfloat16");
    const [query, key, value, output] = [rows(4), rows(1), rows(1), rows(4)];
    const blocks = [0, 1].map((first) => Int32Array.from({ length: 40 }, (_, block) => 40 * first + block));
    const decodes = { queryStartLoc: [0, 1, 2], seqLens: [600, 500], blockTable: blocks };
    const prefill = { queryStartLoc: [0, 38, 40], seqLens: [38, 2], blockTable: blocks };
    batch.update(decodes);
    await attention.warmUp(batch);
    for (const step of [decodes, prefill]) {
      batch.update(step);
      await device.defaultStream.synchronize();
      const before = SLOW.map(emulatorCalls);
      attention.forward({ query, key, value, output, cache, batch });
      expect(SLOW.map(emulatorCalls)).toEqual(before);
      await output.read();
    }
    await expect(attention.warmUp({} as never)).rejects.toEqual(coded("ERR_INVALID_ARGUMENT", "Batch"));
    attention.dispose();
    await expect(attention.warmUp(batch)).rejects.toEqual(coded("ERR_DISPOSED"));
  });
});
