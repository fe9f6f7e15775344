import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import type { Manifest } from "../../../lib/catalog/manifest.js";
import type { Device } from "../../../lib/device/device.js";
import { setEmulatorOption } from "../../../lib/device/emulator.js";
import { Laboratory, lanes, noAssembler, type Snippet } from "../../support/assemble.js";
import { coded } from "../../support/coded.js";
import { onGpu, openTestDevice } from "../../support/device.js";
import { memoryContents, memorySnippet } from "../../support/memory-snippets.js";
import { PagedCase } from "../../support/paged-case.js";
import { isAccurate } from "../../support/reference.js";
import { noCompiler, reverse, reversed, runtimeKernels } from "../../support/runtime-kernels.js";
import { waitsOf, withoutWaits } from "../../support/waits.js";

const built = fileURLToPath(new URL("../../../build/kernels/gfx942", import.meta.url));

const devices: Device[] = [];
function open(): Device {
  devices.push(openTestDevice());
  return devices.at(-1)!;
}

afterEach(async () => {
  setEmulatorOption("DELIVERY", "early");
  setEmulatorOption("SCHEDULE", "barrier");
  await Promise.all(devices.splice(0).map((device) => device.close()));
});

describe.skipIf(onGpu || noCompiler)("late delivery", () => {
  it("shows every wait that a kernel lacks, and leaves an intact one alone", async () => {
    const kernel = runtimeKernels("gfx942");
    setEmulatorOption("DELIVERY", "late");
    expect(await reverse(open(), kernel)).toEqual(reversed);
    // For the arguments, the load from memory, the write to LDS and the read from it.
    const waits = waitsOf(kernel, "reverse");
    expect(waits.length).toBe(4);
    for (const wait of waits) {
      const outcome = await reverse(open(), withoutWaits(kernel, [wait])).catch((error: unknown) => error);
      if (Array.isArray(outcome)) expect(outcome).not.toEqual(reversed);
      else expect(outcome).toEqual(coded("ERR_DEVICE_FAULT", "reverse"));
    }
    setEmulatorOption("DELIVERY", "early"); // hides it all
    expect(await reverse(open(), withoutWaits(kernel, waits))).toEqual(reversed);
  });

  it.each(["vmcnt", "lgkmcnt"] as const)(
    "shows attention kernels that do not wait for %s",
    async (counter) => {
      const options = {
        shape: { numHeads: 4, numKvHeads: 2, headSize: 64, blockSize: 16 },
        dtype: "bfloat16",
        lengths: [[300, 1]],
        seed: 1,
      } as const;
      const accurate = async () => {
        const paged = await PagedCase.create(open(), options);
        return isAccurate(paged.errors((await paged.run()).output), "bfloat16");
      };
      setEmulatorOption("DELIVERY", "late");
      expect(await accurate()).toBe(true);
      await withoutWaitsIn("unified_attention_3d", counter, async () => {
        const outcome = await accurate().catch((error: unknown) => error);
        if (outcome !== false) expect(outcome).toEqual(coded("ERR_DEVICE_FAULT"));
      });
    },
  );
});

describe.skipIf(onGpu || noAssembler)("what is delivered late", () => {
  /** Memory to LDS without registers between, then from LDS to v4, with and without the wait for the first. */
  const throughLds = (wait: string) => ({
    ...memorySnippet(
      `s_mov_b32 m0, 0
v_lshlrev_b32 v2, 2, v0
global_load_lds_dword v2, s[8:9]
${wait}
ds_read_b32 v4, v2
s_waitcnt lgkmcnt(0)`,
      0,
      ["v4"],
    ),
    ldsBytes: 256,
  });
  /** A load whose register is read at once, and a store whose data register is overwritten at once. */
  const readAtOnce = memorySnippet(
    `v_lshlrev_b32 v2, 2, v0
global_load_dword v4, v2, s[8:9]
v_mov_b32 v5, v4
global_store_dword v2, v0, s[8:9] offset:256
v_mov_b32 v0, -1`,
    0,
    ["v5", "v4"],
  );

  it("stays out of LDS, is a poison in registers, and takes stores' data as it was at the store", async () => {
    const { inputs } = memoryContents(3);
    for (const late of [false, true]) {
      setEmulatorOption("DELIVERY", late ? "late" : "early");
      const laboratory = Laboratory.assemble(open(), {
        waits: throughLds("s_waitcnt vmcnt(0)"),
        hurries: throughLds(""),
        readAtOnce,
      });
      expect((await laboratory.run("waits", inputs))[0]).toEqual(inputs[0]);
      expect((await laboratory.run("hurries", inputs))[0]).toEqual(late ? lanes(() => 0) : inputs[0]);
      const [atOnce, afterwards, , stored] = await laboratory.run("readAtOnce", inputs);
      expect(atOnce).toEqual(late ? lanes(() => 0x7fff7fff) : inputs[0]);
      expect(afterwards).toEqual(inputs[0]);
      expect(stored).toEqual(lanes((lane) => lane));
    }
  });

  const SCHEDULES = ["barrier", "reverse", "turn"];
  const values = lanes((lane) => 1000 + lane);
  const ones = lanes(() => -1);
  const poison = lanes(() => 0x7fff7fff);

  /** Both waves execute `code`, in which those but the first alone execute what `others` makes of theirs. */
  const twoWaves = (code: (others: (code: string) => string) => string, outputs: string[]): Snippet => ({
    code: code((text) => `s_cmp_eq_u32 s2, 0\ns_cbranch_scc1 1f\n${text}\n1:`),
    ...{ inputs: 1, outputs, waves: 2, ldsBytes: 512 },
  });

  it.each(SCHEDULES)("is counted where no lane is active, too (%s)", async (schedule) => {
    setEmulatorOption("SCHEDULE", schedule);
    setEmulatorOption("DELIVERY", "late");
    // The first of two is waited for; the second, for no lane, is the one that may be outstanding.
    const oneOutstanding = (first: string, second: string, wait: string): Snippet =>
      memorySnippet(
        `v_mov_b32 v5, 0
v_lshlrev_b32 v2, 2, v0
${first}
s_mov_b64 exec, 0
${second}
s_mov_b64 exec, -1
${wait}
v_mov_b32 v6, v4`,
        0,
        ["v6"],
      );
    const load = "global_load_dword v4, v2, s[8:9]";
    const { inputs } = memoryContents(5);
    const laboratory = Laboratory.assemble(open(), {
      global: oneOutstanding(load, "global_load_dword v5, v2, s[8:9]", "s_waitcnt vmcnt(1)"),
      buffer: oneOutstanding(load, "buffer_store_dword v5, v2, s[8:11], 0 offen", "s_waitcnt vmcnt(1)"),
      scratch: oneOutstanding(load, "scratch_load_dword v5, off, off", "s_waitcnt vmcnt(1)"),
      flat: oneOutstanding(load, "flat_load_dword v5, v[2:3]", "s_waitcnt vmcnt(1)"),
      lds: {
        ...oneOutstanding("ds_bpermute_b32 v4, v2, v0", "ds_read_b32 v5, v2", "s_waitcnt lgkmcnt(1)"),
        ldsBytes: 256,
      },
    });
    for (const name of ["global", "buffer", "scratch", "flat"]) {
      expect((await laboratory.run(name, inputs))[0]).toEqual(inputs[0]);
    }
    expect((await laboratory.run("lds", inputs))[0]).toEqual(lanes((lane) => lane));
  });

  it.each(SCHEDULES)("has been read from LDS when a barrier is passed (%s)", async (schedule) => {
    setEmulatorOption("SCHEDULE", schedule);
    const overBarrier = twoWaves(
      (others) => `ds_write_b32 v255, v1
s_waitcnt lgkmcnt(0)
s_barrier
ds_read_b32 v4, v255
v_mov_b32 v7, 0
ds_read_u16_d16_hi v7, v255
s_barrier
${others("v_mov_b32 v5, -1\nds_write_b32 v255, v5\ns_waitcnt lgkmcnt(0)")}
s_barrier
v_mov_b32 v6, v4
s_waitcnt lgkmcnt(0)`,
      ["v4", "v6", "v7"],
    );
    const laboratory = Laboratory.assemble(open(), { overBarrier });
    const high = values.map((value) => value << 16);
    expect(await laboratory.run("overBarrier", [values])).toEqual([values, values, high]);
    setEmulatorOption("DELIVERY", "late");
    expect(await laboratory.run("overBarrier", [values])).toEqual([values, poison, high]);
  });

  it("is written to LDS before the reads behind it, and not by a barrier alone", async () => {
    const written = (reads: string) =>
      twoWaves(
        (others) => `v_mov_b32 v5, -1
ds_write_b32 v255, v1
s_waitcnt lgkmcnt(0)
s_barrier
${others(`ds_write_b32 v255, v5\n${reads}`)}
s_barrier
ds_read_b32 v4, v255
s_waitcnt lgkmcnt(0)`,
        ["v4"],
      );
    const laboratory = Laboratory.assemble(open(), {
      unread: written(""),
      read: written("ds_read_b32 v6, v255 offset:256"),
    });
    for (const late of [false, true]) {
      setEmulatorOption("DELIVERY", late ? "late" : "early");
      expect(await laboratory.run("unread", [values])).toEqual([late ? values : ones]);
      expect(await laboratory.run("read", [values])).toEqual([ones]);
    }
  });

  it.each(SCHEDULES)("is seen in device memory by the waves behind a barrier (%s)", async (schedule) => {
    setEmulatorOption("SCHEDULE", schedule);
    setEmulatorOption("DELIVERY", "late");
    // Wave 1 stores what wave 0 loads; what wave 0 has loaded before, it then overwrites.
    const { inputs } = memoryContents(9);
    const exchange = {
      ...memorySnippet(
        `v_mov_b32 v5, -1
global_load_dword v4, v255, s[8:9]
s_cmp_eq_u32 s2, 0
s_cbranch_scc1 1f
global_store_dword v255, v5, s[8:9] offset:256
1:
s_barrier
s_cmp_eq_u32 s2, 0
s_cbranch_scc1 1f
global_store_dword v255, v5, s[8:9]
1:
global_load_dword v6, v255, s[8:9] offset:256
s_barrier
v_mov_b32 v7, v4
s_waitcnt vmcnt(0)`,
        0,
        ["v4", "v6", "v7"],
      ),
      waves: 2,
    };
    const laboratory = Laboratory.assemble(open(), { exchange });
    const outputs = await laboratory.run("exchange", inputs);
    expect(outputs.slice(0, 4)).toEqual([inputs[0], ones, poison, ones]);
  });
});

/** Runs `body` while createAttention finds gfx942 kernels of which those of one operation do not wait for a counter. */
async function withoutWaitsIn(
  operation: string,
  counter: "vmcnt" | "lgkmcnt",
  body: () => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "rocm-attention-"));
  const before = process.env.ROCM_ATTENTION_KERNEL_PATH;
  try {
    cpSync(built, folder, { recursive: true });
    const manifest: Manifest = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));
    const kernels = manifest.kernels.map((row) => {
      if (row.operation !== operation) return row;
      const intact = readFileSync(join(folder, row.file));
      const mutant = withoutWaits(intact, waitsOf(intact, row.symbol), [counter]);
      writeFileSync(join(folder, row.file), mutant);
      return { ...row, sha256: createHash("sha256").update(mutant).digest("hex") };
    });
    writeFileSync(join(folder, "manifest.json"), JSON.stringify({ ...manifest, kernels }));
    process.env.ROCM_ATTENTION_KERNEL_PATH = folder;
    await body();
  } finally {
    if (before === undefined) delete process.env.ROCM_ATTENTION_KERNEL_PATH;
    else process.env.ROCM_ATTENTION_KERNEL_PATH = before;
    rmSync(folder, { recursive: true });
  }
}
