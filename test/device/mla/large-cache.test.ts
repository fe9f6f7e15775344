import { afterAll, describe, expect, it } from "vitest";
import { createMlaAttention, Device, traceLaunches } from "../../../lib/index.js";
import { coded } from "../../support/coded.js";
import { onGpu } from "../../support/device.js";
import { isMlaAccurate, MlaCase, noMlaKernels } from "../../support/mla-case.js";
import type { Lengths } from "../../support/reference.js";

const LENGTHS: Lengths = [
  [40, 1],
  [17, 3],
  [20, 12],
];
/** Bytes of a block of 16 tokens, and the most blocks that 32-bit addresses reach. */
const BLOCK_BYTES = 16 * 576 * 2;
const NEAR = Math.floor((2 ** 32 - 1) / BLOCK_BYTES);

describe.skipIf(onGpu)("latent caches on either side of 4 GiB", () => {
  const device = Device.open({ emulate: "gfx942", computeUnits: 8, memoryBytes: 6 * 2 ** 30 });
  afterAll(() => device.close());

  /** Runs a case in a cache of so many blocks, its last among those that are used. Returns the operations that ran. */
  async function run(backend: string, numBlocks: number): Promise<string[]> {
    const launched: string[] = [];
    traceLaunches(({ id, start, end }) => {
      launched.push(id.split(".").slice(0, 2).join(":"));
      start.dispose();
      end.dispose();
    });
    const places = [
      0,
      1,
      ...[3, 2, 1].map((before) => NEAR - before),
      ...[4, 3, 2, 1].map((before) => numBlocks - before),
    ];
    const options = { numHeads: 2, blockSize: 16, dtype: "bfloat16", seed: 8, lengths: LENGTHS } as const;
    await using one = await MlaCase.create(device, {
      ...options,
      backend,
      within: { numBlocks, places: [...new Set(places), 5, 6, 7] },
    });
    const errors = one.errors((await one.run()).output);
    traceLaunches(null);
    expect(isMlaAccurate(errors, options), JSON.stringify(errors)).toBe(true);
    return launched;
  }

  it("are written to and read by TRITON_MLA", async () => {
    expect(await run("TRITON_MLA", NEAR + 9000)).toContain("triton:mla_decode");
  });

  describe.skipIf(noMlaKernels("ROCM_AITER_MLA"))("of ROCM_AITER_MLA", () => {
    it("are AITER's up to there, and Triton's beyond", async () => {
      expect(await run("ROCM_AITER_MLA", NEAR)).toContain("aiter:mla_decode_work");
      const launched = await run("ROCM_AITER_MLA", NEAR + 1);
      expect(launched).toContain("triton:mla_decode");
      expect(launched.filter((name) => name.startsWith("aiter:"))).toEqual([]);
    });

    it("are refused beyond with blocks that Triton does not take, naming the most", () => {
      const config = {
        numHeads: 2,
        kvLoraRank: 512,
        dtype: "bfloat16",
        blockSize: 8,
        backend: "ROCM_AITER_MLA",
      } as const;
      const attention = createMlaAttention(device, config);
      const most = Math.floor((2 ** 32 - 1) / (BLOCK_BYTES / 2));
      const beyond = coded(
        "ERR_BACKEND_UNSUPPORTED",
        `block size 8 reach ${most} blocks of a layer, not ${most + 1}`,
      );
      expect(() => attention.createKvCache({ numBlocks: most + 1 })).toThrow(beyond);
      const latent = device.empty([most + 1, 8, 576], "bfloat16");
      expect(() => attention.wrapKvCache({ latent })).toThrow(beyond);
      latent.dispose();
      expect(attention.blocksThatFit({ layers: 1, bytes: 2 ** 40 })).toBe(most);
      attention.createKvCache({ numBlocks: most }).dispose();
      attention.dispose();
    });
  });
});
