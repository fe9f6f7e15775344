import fc from "fast-check";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { contiguousStrides } from "../../../lib/device/layout.js";
import { createAttention, createBatch, Device, explain, traceLaunches } from "../../../lib/index.js";
import { LaunchPlan } from "../../../lib/kernels/launch-plan.js";
import { loadKernel } from "../../../lib/kernels/store.js";
import { KvCacheLayer } from "../../../lib/kv-cache/layer.js";
import { makeLayout } from "../../../lib/kv-cache/layouts.js";
import { AiterPagedDecode } from "../../../lib/ops/aiter-paged-decode.js";
import type { AttentionCall } from "../../../lib/ops/call.js";
import { noAiter } from "../../support/aiter.js";
import { aiterPagedDecode } from "../../support/aiter-paged-decode.js";
import { BACKENDS, TOKEN_SCALED } from "../../support/backends.js";
import { coded } from "../../support/coded.js";
import { onGpu } from "../../support/device.js";
import { assemblyRows } from "../../support/fmha-v3.js";
import { operationConfig, operationLayout } from "../../support/hip-kernels.js";
import { PagedCase } from "../../support/paged-case.js";
import { isAccurate, isQuantisedAccurate, type Lengths, rowErrors } from "../../support/reference.js";
import { testsAll } from "../../support/tests-all.js";
import { launchesOf } from "../../support/verified.js";
import { setWaveOrder } from "../../support/wave-order.js";

afterEach(() => setWaveOrder());

/** Lengths on and next to the edges of blocks, of tiles of 64 keys and of the 256 that the kernels take at a time. */
const context = fc.oneof(
  fc.constantFrom(0, 14, 15, 16, 31, 63, 64, 127, 128, 254, 255, 256, 257, 511, 512),
  fc.nat(700),
);

/** Keys of sequences whose unused slots count as keys. */
const isMiscounted = (keys: number) => keys > 240 && keys < 256;

describe.skipIf(noAiter || onGpu).each(["gfx942", "gfx950"] as const)(
  "AITER's paged decode on %s",
  (arch) => {
    const device = Device.open({ emulate: arch, computeUnits: 8 });
    afterAll(() => device.close());
    const rows = assemblyRows(arch, "paged_decode");
    const verified = rows.filter(({ verified }) => verified === "emulator");

    it.each(verified)(
      "$id is that of float64",
      async (row) => {
        const dtype = row.serves.dtypes![0] as "bfloat16" | "float16";
        // Without a mask a query sees the tokens behind its own: so it gets one.
        const most = row.operation.includes("unmasked") ? 1 : row.tile.tokens!;
        const groups = row.tile.heads === 8 ? [1, 2, 3, 5, 8] : [9, 12, 16];
        await fc.assert(
          fc.asyncProperty(
            fc.record({
              lengths: fc
                .array(fc.tuple(context, fc.integer({ min: 1, max: most })), { minLength: 3, maxLength: 5 })
                .filter((lengths) => lengths.every(([before, asked]) => !isMiscounted(before + asked))),
              group: fc.constantFrom(...groups),
              numKvHeads: fc.constantFrom(1, 2, 3),
              seed: fc.nat(2 ** 31),
              peak: fc.constantFrom(1, 1, 4),
              schedule: fc.constantFrom("barrier", "turn", "reverse", "seed:1"),
            }),
            async ({ group, numKvHeads, schedule, ...drawn }) => {
              setWaveOrder({ delivery: "early", schedule });
              const shape = { numHeads: numKvHeads * group, numKvHeads, headSize: 128, blockSize: 16 };
              const { rms, max } = await aiterPagedDecode(device, { row, dtype, shape, ...drawn });
              if (row.serves.kvCacheDtypes![0] !== "auto") {
                expect(isQuantisedAccurate({ rms, max }), `${rms}, ${max}`).toBe(true);
                return;
              }
              // Weights are rounded before they are summed up, and in float16 not brought into its range.
              const bound = dtype === "float16" ? 2 : 1;
              expect(isAccurate({ rms: rms / bound, max: max / bound }, dtype), `${rms}, ${max}`).toBe(true);
            },
          ),
          { numRuns: testsAll ? 20 : 4 },
        );
      },
      300_000,
    );

    // A kernel that did not would be one to launch.
    const others = rows.filter((row) => !verified.includes(row));
    const few = (arch === "gfx942" ? [/\.bfloat16\.fp8.*g16/, /\.bfloat16\.int8.*g8/] : []).flatMap((id) =>
      others.filter((row) => id.test(row.id)).slice(0, 1),
    );
    it.each(testsAll ? others : few)("$id rounds weights to 8 bits", async (row) => {
      const dtype = row.serves.dtypes![0] as "bfloat16" | "float16";
      const heads = row.tile.heads!;
      const shape = { numHeads: 2 * heads, numKvHeads: 2, headSize: 128, blockSize: 16 };
      const lengths = [
        [299, 1],
        [63, 1],
        [620, 1],
      ] as const;
      const { rms, together } = await aiterPagedDecode(device, { row, dtype, shape, lengths, seed: 3 });
      expect(rms).toBeGreaterThan(2.5e-2);
      expect(together).toBeLessThan(6e-2);
    });
  },
);

it.skipIf(noAiter || onGpu)(
  "AITER's paged decode of several tokens of 8 heads loads queries that are not there",
  async () => {
    await using device = Device.open({ emulate: "gfx942", computeUnits: 8 });
    const [row] = assemblyRows("gfx942", "paged_decode_mtp").filter(({ id }) =>
      id.endsWith("mtp.bfloat16.fp8_per_token.g8"),
    );
    const shape = { numHeads: 8, numKvHeads: 1, headSize: 128, blockSize: 16 };
    const run = (tokens: number) =>
      aiterPagedDecode(device, { row: row!, dtype: "bfloat16", shape, lengths: [[60, tokens]], seed: 3 });
    await expect(run(3)).rejects.toThrow(coded("ERR_DEVICE_FAULT", "past the end"));
  },
);

describe.skipIf(noAiter || onGpu)("decodes of ROCM_AITER_FA over the layout shuffled", () => {
  const device = Device.open({ emulate: "gfx942", computeUnits: 8 });
  afterAll(() => device.close());
  afterEach(() => traceLaunches(null));

  it("leave out sequences for which the objects are wrong", async () => {
    const [row] = assemblyRows("gfx942", "paged_decode").filter(({ id }) => id.endsWith("bfloat16.auto.g8"));
    const shape = { numHeads: 1, numKvHeads: 1, headSize: 128, blockSize: 16 };
    for (const keys of [240, 241, 248, 256]) {
      const errors = await aiterPagedDecode(device, {
        ...{ row: row!, dtype: "bfloat16", shape, lengths: [[keys - 1, 1]], seed: 0 },
      });
      expect(isAccurate(errors, "bfloat16"), `${keys}`).toBe(!isMiscounted(keys));
    }
  });

  const under = BACKENDS.find(({ layout }) => layout === "shuffled")!;
  const eight = Array.from({ length: 8 }, (_, s) => [16 * s, 1] as const);

  /** The operations of the decodes that ran. */
  async function decodesOf(lengths: Lengths, group = 4): Promise<string[]> {
    const shape = { numHeads: group, numKvHeads: 1, headSize: 128, blockSize: 16 };
    await using paged = await PagedCase.create(device, { shape, dtype: "bfloat16", lengths, seed: 2, under });
    const ids: string[] = [];
    traceLaunches(({ id, start, end }) => {
      if (/paged_(decode|attention)/.test(id)) ids.push(id.split(".").slice(0, 2).join("."));
      start.dispose();
      end.dispose();
    });
    const { output } = await paged.run({ withoutLse: true });
    traceLaunches(null);
    expect(isAccurate(paged.errors(output), "bfloat16")).toBe(true);
    return ids.filter((id) => !id.endsWith("reduce"));
  }

  it.each<[string, Lengths, string, number?]>([
    ["that fill the device are AITER's", eight, "aiter.paged_decode"],
    ["that do not are ours", eight.slice(0, 4), "hip.paged_attention"],
    ["behind prompts are AITER's", [[0, 20], [30, 20], ...eight], "aiter.paged_decode"],
    ["among prompts are ours", [...eight, [0, 20], [5, 1]], "hip.paged_attention"],
    ["with sequences between that have no token are ours", [...eight, [5, 0], [5, 1]], "hip.paged_attention"],
    ["of up to 4 tokens are AITER's", [...eight, [3, 4], [40, 2]], "aiter.paged_decode_mtp"],
    ["of more are ours", [...eight, [3, 5]], "hip.paged_attention"],
    [
      "of a sequence whose unused slots would count as keys are ours",
      [...eight, [247, 1]],
      "hip.paged_attention",
    ],
    ["of sequences around are AITER's", [...eight, [239, 1], [255, 1], [503, 1]], "aiter.paged_decode"],
    ["of 16 heads to a key's are AITER's", eight, "aiter.paged_decode", 16],
    [
      "of several tokens and 16 heads are ours: there is no object",
      [...eight, [3, 4]],
      "hip.paged_attention",
      16,
    ],
    ["of more heads are ours", eight, "hip.paged_attention", 17],
  ])("%s", async (_, lengths, expected, group) => {
    expect(await decodesOf(lengths, group)).toEqual([expected]);
  });

  it.each(TOKEN_SCALED)("over $kvCacheDtype round queries to fp8 or are ours", async (under) => {
    const shape = { numHeads: 8, numKvHeads: 1, headSize: 128, blockSize: 16 };
    await using paged = await PagedCase.create(device, {
      ...{ shape, dtype: "bfloat16", lengths: eight, seed: 2, under },
    });
    const { kernels, result } = await launchesOf(() => paged.run({ withoutLse: true }));
    const { output } = paged.expected;
    const isAiter = under.kvCacheDtype === "fp8_per_token";
    expect([...kernels].map((id) => id.split(".")[0])).toEqual(["hip", isAiter ? "aiter" : "hip"]);
    expect(rowErrors(result.output, output, output.length).rms).toBeLessThan(isAiter ? 5e-2 : 4e-3);
    expect(rowErrors(result.output, output, output.length).rms).toBeGreaterThan(isAiter ? 4e-3 : 0);
  });

  it("are explained by what an object lacks", () => {
    const config = {
      numHeads: 64,
      numKvHeads: 4,
      headSize: 128,
      dtype: "bfloat16",
      backend: "ROCM_AITER_FA",
    } as const;
    const { phases } = explain({ ...config, kvCacheLayout: "shuffled" }, { device });
    const { kernels, passedOver } = phases.find(({ phase }) => phase === "decode")!;
    expect(kernels.map(({ launches }) => launches[0]!.operation)).toEqual([
      "paged_decode",
      "paged_attention",
    ]);
    const [several] = passedOver;
    expect(several).toMatchObject({ kernel: "aiter paged_decode_mtp" });
    expect(several!.reasons.join()).toContain("16 query heads per key-value head");
  });

  it("over memory that the program brings are ours, since nobody has cleared it", async () => {
    using attention = createAttention(device, {
      ...{ numHeads: 8, numKvHeads: 1, headSize: 128, dtype: "bfloat16", backend: "ROCM_AITER_FA" },
      kvCacheLayout: "shuffled",
    });
    const [key, value] = attention.kvCacheLayout.parts.map(({ shape }) =>
      device.zeros([4, ...shape], "bfloat16"),
    );
    using own = attention.createKvCache({ numBlocks: 4 });
    using batch = createBatch(device, { maxSequences: 3, maxTokens: 3, maxBlocksPerSequence: 1 });
    batch.update({ queryStartLoc: [0, 1, 2, 3], seqLens: [3, 4, 5], blockTable: [[0], [1], [2]] });
    const query = device.zeros([3, 8, 128], "bfloat16");
    const output = device.zeros([3, 8, 128], "bfloat16");
    const ran: string[] = [];
    traceLaunches(({ id, start, end }) => {
      ran.push(id.split(".")[0]!);
      start.dispose();
      end.dispose();
    });
    attention.forward({ query, output, cache: own.layer(0), batch });
    attention.forward({ query, output, cache: attention.wrapKvCache({ key: key!, value: value! }), batch });
    await device.defaultStream.synchronize();
    expect(ran).toEqual(["aiter", "hip"]);
  });

  it("over blocks 16 MiB apart are ours: the assembly multiplies 24 bits of a stride", async () => {
    const [row] = assemblyRows("gfx942", "paged_decode").filter(
      ({ id }) => id === "aiter.paged_decode.bfloat16.auto.g8",
    );
    const shape = { numHeads: 1, numKvHeads: 1, headSize: 128, blockSize: 16 };
    const layout = operationLayout("shuffled", shape, "bfloat16");
    const config = operationConfig(shape, "bfloat16");
    const decode = new AiterPagedDecode(new LaunchPlan(loadKernel(device, row!), row!), config);
    const rows = [1, 2].map((step) => Float32Array.from({ length: 2048 }, (_, i) => Math.sin(step * i)));
    using batch = createBatch(device, { maxSequences: 1, maxTokens: 1, maxBlocksPerSequence: 1 });
    const query = device.zeros([1, 1, 128], "bfloat16");
    for (const stride of [2 ** 23 - 8, 2 ** 23]) {
      const parts = layout.parts.map(({ shape }) => {
        const whole = device.empty([stride + 2048], "bfloat16");
        return {
          whole,
          blocks: whole.view({ shape: [2, ...shape], strides: [stride, ...contiguousStrides(shape)] }),
        };
      });
      for (const { whole } of parts) {
        for (const block of [0, 1]) {
          await whole.view({ shape: [2048], byteOffset: 2 * block * stride }).write(rows[block]!);
        }
      }
      const tensors = parts.map(({ blocks }) => blocks);
      const cache = new KvCacheLayer(layout, tensors, true);
      const outputs: Float32Array[] = [];
      for (const block of [0, 1]) {
        batch.update({ queryStartLoc: [0, 1], seqLens: [16], blockTable: [[block]] });
        const output = device.zeros([1, 1, 128], "bfloat16");
        const call = { query, output, lse: null, cache } as unknown as AttentionCall;
        expect(decode.takes(call)).toBe(stride < 2 ** 23);
        const run = { first: 0, sequences: 1, firstToken: 0, queryTokens: 1 };
        decode.launch(call, batch, run, device.defaultStream);
        outputs.push(await output.readFloat32());
      }
      // Of 2^24 nothing is left: both blocks are the first.
      expect(String(outputs[0]) === String(outputs[1])).toBe(stride === 2 ** 23);
      for (const { whole } of parts) whole.dispose();
    }
  });

  it("over more than the assembly addresses are ours", async () => {
    const layout = makeLayout("shuffled", {
      ...{ blockSize: 16, numKvHeads: 1, headSize: 128, dtype: "bfloat16", scales: false },
    })!;
    const [row] = assemblyRows("gfx942", "paged_decode").filter(
      ({ id }) => id === "aiter.paged_decode.bfloat16.auto.g8",
    );
    const shape = { numHeads: 1, numKvHeads: 1, headSize: 128, blockSize: 16 };
    const decode = new AiterPagedDecode(
      new LaunchPlan(loadKernel(device, row!), row!),
      operationConfig(shape, "bfloat16"),
    );
    const most = 2 ** 31 / layout.parts[0]!.bytes;
    for (const numBlocks of [most, most + 1]) {
      // Memory that is not touched costs nothing: this is not cleared.
      const parts = layout.parts.map(({ shape }) => device.empty([numBlocks, ...shape], "bfloat16"));
      const cache = new KvCacheLayer(layout, parts, true);
      const values = Float32Array.from({ length: 2048 }, (_, i) => Math.sin(i));
      for (const part of parts) {
        for (const block of [0, numBlocks - 1]) {
          const bytes = { shape: [2048], byteOffset: 4096 * block };
          await part.view(bytes).write(values);
        }
      }
      using batch = createBatch(device, { maxSequences: 1, maxTokens: 1, maxBlocksPerSequence: 1 });
      const query = await device.upload(values.subarray(0, 128), { shape: [1, 1, 128], dtype: "bfloat16" });
      const outputs: Float32Array[] = [];
      for (const block of [0, numBlocks - 1]) {
        batch.update({ queryStartLoc: [0, 1], seqLens: [16], blockTable: [[block]] });
        const output = device.zeros([1, 1, 128], "bfloat16");
        const call = { query, output, lse: null, cache } as unknown as AttentionCall;
        expect(decode.takes(call)).toBe(numBlocks === most);
        decode.launch(
          call,
          batch,
          { first: 0, sequences: 1, firstToken: 0, queryTokens: 1 },
          device.defaultStream,
        );
        outputs.push(await output.readFloat32());
      }
      // Behind its reach the object reads zeros.
      expect(outputs[1]!.every((x, i) => x === outputs[0]![i])).toBe(numBlocks === most);
      for (const part of parts) part.dispose();
    }
  });
});
