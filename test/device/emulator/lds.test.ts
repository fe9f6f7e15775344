import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Device, EMULATED_ARCHS } from "../../../lib/device/device.js";
import { Laboratory, lanes, noAssembler, type Snippet } from "../../support/assemble.js";
import { coded } from "../../support/coded.js";
import { onGpu, openTestDevice } from "../../support/device.js";
import { integerLanes, randomDwords } from "../../support/lane-values.js";

const pair = (first: number, count: number) =>
  count === 1 ? `v${first}` : `v[${first}:${first + count - 1}]`;
const names = (first: number, count: number) => Array.from({ length: count }, (_, i) => `v${first + i}`);

/** LDS holds its own address as bytes: byte i is i ^ (i >> 8) * 37. */
const byteAt = (address: number) => (address ^ ((address >> 8) * 37)) & 255;
/** Fills 4096 bytes of LDS that way, 64 bytes per lane. */
const fillLds = [
  "v_lshlrev_b32 v100, 6, v0",
  "v_lshrrev_b32 v101, 8, v100",
  "v_mul_u32_u24 v101, 37, v101",
  ...Array.from(
    { length: 64 },
    (_, i) => `v_or_b32 v102, ${i}, v100\nv_xor_b32 v102, v102, v101\nds_write_b8 v100, v102 offset:${i}`,
  ),
  "s_waitcnt lgkmcnt(0)",
].join("\n");

interface Read {
  code: string;
  /** Registers of the result, v10 on. */
  count: number;
  /** What a lane reads at `address`, as dwords; `old` is what its registers held. */
  expected: (address: number, old: number) => number[];
}

const dword = (address: number) =>
  byteAt(address) | (byteAt(address + 1) << 8) | (byteAt(address + 2) << 16) | (byteAt(address + 3) << 24);
const dwords = (address: number, count: number) =>
  Array.from({ length: count }, (_, i) => dword(address + 4 * i));
const word = (address: number) => dword(address) & 0xffff;
const signed = (value: number, width: number) => (value << (32 - width)) >> (32 - width);

const reads: Read[] = [
  { code: "ds_read_b32 v10, v1 offset:20", count: 1, expected: (a) => dwords(a + 20, 1) },
  { code: "ds_read_b64 v[10:11], v1 offset:8", count: 2, expected: (a) => dwords(a + 8, 2) },
  { code: "ds_read_b96 v[10:12], v1", count: 3, expected: (a) => dwords(a, 3) },
  { code: "ds_read_b128 v[10:13], v1 offset:64", count: 4, expected: (a) => dwords(a + 64, 4) },
  { code: "ds_read_u8 v10, v1 offset:3", count: 1, expected: (a) => [byteAt(a + 3)] },
  { code: "ds_read_i8 v10, v1 offset:3", count: 1, expected: (a) => [signed(byteAt(a + 3), 8)] },
  { code: "ds_read_u16 v10, v1 offset:2", count: 1, expected: (a) => [word(a + 2)] },
  { code: "ds_read_i16 v10, v1 offset:2", count: 1, expected: (a) => [signed(word(a + 2), 16)] },
  { code: "ds_read_u8_d16 v10, v1", count: 1, expected: (a, old) => [(old & 0xffff0000) | byteAt(a)] },
  {
    code: "ds_read_i8_d16_hi v10, v1",
    count: 1,
    expected: (a, old) => [(old & 0xffff) | (signed(byteAt(a), 8) << 16)],
  },
  { code: "ds_read_u16_d16_hi v10, v1", count: 1, expected: (a, old) => [(old & 0xffff) | (word(a) << 16)] },
  {
    code: "ds_read2_b32 v[10:11], v1 offset0:1 offset1:9",
    count: 2,
    expected: (a) => [dword(a + 4), dword(a + 36)],
  },
  {
    code: "ds_read2_b64 v[10:13], v1 offset0:2 offset1:1",
    count: 4,
    expected: (a) => [...dwords(a + 16, 2), ...dwords(a + 8, 2)],
  },
  {
    code: "ds_read2st64_b32 v[10:11], v1 offset0:1 offset1:0",
    count: 2,
    expected: (a) => [dword(a + 256), dword(a)],
  },
  {
    code: "ds_read2st64_b64 v[10:13], v1 offset0:0 offset1:1",
    count: 4,
    expected: (a) => [...dwords(a, 2), ...dwords(a + 512, 2)],
  },
  {
    code: "ds_read_b32 a10, v1\ns_waitcnt lgkmcnt(0)\nv_accvgpr_read_b32 v10, a10",
    count: 1,
    expected: (a) => dwords(a, 1),
  },
];

interface Write {
  code: string;
  /** The bytes that lane `lane` stores at its address, by offset. */
  stored: (data: number[]) => [offset: number, bytes: number[]][];
}
const bytesOf = (values: number[]) =>
  values.flatMap((value) => [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24]);
/** Data is in v2..v5. */
const writes: Write[] = [
  { code: "ds_write_b32 v1, v2 offset:4", stored: ([a]) => [[4, bytesOf([a!])]] },
  { code: "ds_write_b64 v1, v[2:3]", stored: ([a, b]) => [[0, bytesOf([a!, b!])]] },
  { code: "ds_write_b96 v1, v[2:4]", stored: (d) => [[0, bytesOf(d.slice(0, 3))]] },
  { code: "ds_write_b128 v1, v[2:5] offset:16", stored: (d) => [[16, bytesOf(d)]] },
  { code: "ds_write_b8 v1, v2 offset:1", stored: ([a]) => [[1, bytesOf([a!]).slice(0, 1)]] },
  { code: "ds_write_b16 v1, v2", stored: ([a]) => [[0, bytesOf([a!]).slice(0, 2)]] },
  { code: "ds_write_b8_d16_hi v1, v2", stored: ([a]) => [[0, bytesOf([a!]).slice(2, 3)]] },
  { code: "ds_write_b16_d16_hi v1, v2", stored: ([a]) => [[0, bytesOf([a!]).slice(2)]] },
  {
    code: "ds_write2_b32 v1, v2, v4 offset0:3 offset1:0",
    stored: ([a, , c]) => [
      [12, bytesOf([a!])],
      [0, bytesOf([c!])],
    ],
  },
  {
    code: "ds_write2_b64 v1, v[2:3], v[4:5] offset0:1 offset1:0",
    stored: ([a, b, c, d]) => [
      [8, bytesOf([a!, b!])],
      [0, bytesOf([c!, d!])],
    ],
  },
  { code: "v_accvgpr_write_b32 a2, v2\nds_write_b32 v1, a2", stored: ([a]) => [[0, bytesOf([a!])]] },
];

const crossbar: { code: string; source: (lane: number) => number }[] = [
  {
    code: 'ds_swizzle_b32 v10, v2 offset:swizzle(BITMASK_PERM,"00p1i")',
    source: (l) => (l & 32) | (((l & 31 & 0b00101) | 0b00010) ^ 0b00001),
  },
  { code: "ds_swizzle_b32 v10, v2 offset:swizzle(SWAP,4)", source: (l) => l ^ 4 },
  { code: "ds_swizzle_b32 v10, v2 offset:swizzle(QUAD_PERM,1,0,3,2)", source: (l) => l ^ 1 },
  { code: "ds_swizzle_b32 v10, v2 offset:0xc060", source: (l) => (l & 32) | ((l + 3) & 31) },
  { code: "ds_bpermute_b32 v10, v1, v2 offset:8", source: () => -1 },
];

/** Lanes 0, 5, 6, 17 to 30 and 63. */
const someLanes = (1n << 0n) | (1n << 5n) | (1n << 6n) | (0x3fffn << 17n) | (1n << 63n);
const isActive = (lane: number) => (someLanes >> BigInt(lane)) % 2n === 1n;
const withSome = (
  code: string,
) => `s_mov_b32 exec_lo, 0x${(someLanes & 0xffffffffn).toString(16)}\ns_mov_b32 exec_hi, 0x${(someLanes >> 32n).toString(16)}
${code}\ns_waitcnt lgkmcnt(0)\ns_mov_b64 exec, -1`;

describe.skipIf(noAssembler || onGpu).each(EMULATED_ARCHS)("LDS instructions of %s", (arch) => {
  let device: Device;
  let laboratory: Laboratory;
  const next = randomDwords(7);
  const addresses = lanes(() => (next() % 200) * 8);
  /** Each lane has 64 bytes for itself. */
  const apart = lanes((lane) => ((lane * 37) % 64) * 64);
  const data = [1, 2, 3, 4].map(integerLanes);

  beforeAll(() => {
    device = openTestDevice({ emulate: arch });
    const snippets: Record<string, Snippet> = {};
    for (const [k, { code, count }] of reads.entries()) {
      const old = names(10, count)
        .map((name, i) => `v_not_b32 ${name}, v${(i % 2) + 2}`)
        .join("\n");
      const body = `${fillLds}\n${old}\n`;
      snippets[`read${k}`] = {
        code: `${body}${code}\ns_waitcnt lgkmcnt(0)`,
        inputs: 3,
        outputs: names(10, count),
        ldsBytes: 4096,
      };
      snippets[`readSome${k}`] = {
        code: body + withSome(code),
        inputs: 3,
        outputs: names(10, count),
        ldsBytes: 4096,
      };
    }
    const readBack = names(20, 16)
      .map((_, i) => `ds_read_b32 v${20 + i}, v100 offset:${4 * i}`)
      .join("\n");
    for (const [k, { code }] of writes.entries()) {
      snippets[`write${k}`] = {
        code: `${fillLds}\n${code}\ns_waitcnt lgkmcnt(0)\n${readBack}\ns_waitcnt lgkmcnt(0)`,
        inputs: 5,
        outputs: names(20, 16),
        ldsBytes: 4096,
      };
      snippets[`writeSome${k}`] = {
        code: `${fillLds}\n${withSome(code)}\n${readBack}\ns_waitcnt lgkmcnt(0)`,
        inputs: 5,
        outputs: names(20, 16),
        ldsBytes: 4096,
      };
    }
    for (const [k, { code }] of crossbar.entries()) {
      snippets[`crossbar${k}`] = {
        code: `v_mov_b32 v10, 9\n${withSome(code)}`,
        inputs: 2,
        outputs: ["v10"],
      };
    }
    snippets.permute = {
      code: `v_mov_b32 v10, 9\n${withSome("ds_permute_b32 v10, v1, v2")}`,
      inputs: 2,
      outputs: ["v10"],
    };
    laboratory = Laboratory.assemble(device, snippets);
  });
  afterAll(() => device.close());

  it.each(reads.map(({ code, expected }, k) => ({ code, expected, k })))("$code", async ({ expected, k }) => {
    for (const [name, active] of [
      [`read${k}`, () => true],
      [`readSome${k}`, isActive],
    ] as const) {
      const result = await laboratory.run(name, [addresses, data[0]!, data[1]!]);
      for (let lane = 0; lane < 64; lane++) {
        const old = result.map((_, i) => ~data[i % 2]![lane]! >>> 0);
        const wanted = active(lane) ? expected(addresses[lane]!, old[0]!).map((value) => value >>> 0) : old;
        expect(result.map((register) => register[lane])).toEqual(wanted);
      }
    }
  });

  it.each(writes.map(({ code, stored }, k) => ({ code, stored, k })))("$code", async ({ stored, k }) => {
    for (const [name, active] of [
      [`write${k}`, () => true],
      [`writeSome${k}`, isActive],
    ] as const) {
      const result = await laboratory.run(name, [apart, ...data]);
      const memory = Uint8Array.from({ length: 4096 }, (_, i) => byteAt(i));
      for (let lane = 0; lane < 64; lane++) {
        if (!active(lane)) continue;
        for (const [offset, bytes] of stored(data.map((register) => register[lane]!)))
          memory.set(bytes, apart[lane]! + offset);
      }
      const seen = new Uint32Array(1024);
      for (const [i, register] of result.entries()) {
        for (const [lane, value] of register.entries()) seen[16 * lane + i] = value;
      }
      expect(new Uint8Array(seen.buffer)).toEqual(memory);
    }
  });

  it.each(crossbar.map((row, k) => ({ ...row, k })))("$code", async ({ source, k }) => {
    const chosen = lanes(() => (next() % 64) * 4);
    const [result] = await laboratory.run(`crossbar${k}`, [chosen, data[0]!]);
    const expected = lanes((lane) => {
      if (!isActive(lane)) return 9;
      const from = source(lane) < 0 ? (chosen[lane]! / 4 + 2) % 64 : source(lane);
      return isActive(from) ? data[0]![from]! : 0;
    });
    expect(result).toEqual(expected);
  });

  it("ds_permute_b32: the highest lane wins, lanes nobody sends to get 0", async () => {
    const target = lanes((lane) => ((lane * 7) % 32) * 4);
    const [result] = await laboratory.run("permute", [target, data[0]!]);
    const expected = lanes((lane) => {
      if (!isActive(lane)) return 9;
      const senders = Array.from({ length: 64 }, (_, from) => from).filter(
        (from) => isActive(from) && target[from]! / 4 === lane,
      );
      return senders.length > 0 ? data[0]![senders.at(-1)!]! : 0;
    });
    expect(result).toEqual(expected);
  });
});

describe.skipIf(noAssembler || onGpu)("LDS accesses out of range", () => {
  it.each(["ds_read_b64 v[10:11], v1", "ds_write_b32 v1, v1 offset:4"])(
    "%s is reported with lane and address",
    async (code) => {
      const device = openTestDevice();
      const laboratory = Laboratory.assemble(device, {
        stray: { code, inputs: 1, outputs: ["v0"], ldsBytes: 1024 },
      });
      const run = laboratory.run("stray", [lanes((lane) => (lane === 41 ? 1020 : lane))]);
      await expect(run).rejects.toEqual(coded("ERR_DEVICE_FAULT", "of LDS", "lane 41"));
      await device.close();
    },
  );
});

describe.skipIf(noAssembler || onGpu)("transposing reads of gfx950", () => {
  it.each([
    { name: "ds_read_b64_tr_b16", bits: 16, count: 2 },
    { name: "ds_read_b64_tr_b8", bits: 8, count: 2 },
    { name: "ds_read_b64_tr_b4", bits: 4, count: 2 },
    { name: "ds_read_b96_tr_b6", bits: 6, count: 3 },
  ])("$name: each lane of 16 gets one column of their matrix", async ({ name, bits, count }) => {
    await using device = openTestDevice({ emulate: "gfx950" });
    const code = `${fillLds}\n${name} ${pair(10, count)}, v1 offset:8\ns_waitcnt lgkmcnt(0)`;
    const laboratory = Laboratory.assemble(device, {
      read: { code, inputs: 1, outputs: names(10, count), ldsBytes: 4096 },
    });
    const next = randomDwords(bits);
    const addresses = lanes(() => (next() % 400) * 4);
    const result = await laboratory.run("read", [addresses]);
    const bitsIn = (values: number[]) =>
      values.reduce((sum, value, i) => sum | (BigInt(value >>> 0) << BigInt(32 * i)), 0n);
    const elements = (32 * count) / bits;
    const mask = (1n << BigInt(bits)) - 1n;
    for (let group = 0; group < 64; group += 16) {
      // The matrix, row by row over the lanes of the group.
      const flat = Array.from({ length: 16 }, (_, lane) =>
        bitsIn(dwords(addresses[group + lane]! + 8, count)),
      ).flatMap((row) => Array.from({ length: elements }, (_, i) => (row >> BigInt(bits * i)) & mask));
      for (let column = 0; column < 16; column++) {
        const wanted = Array.from({ length: elements }, (_, row) => flat[16 * row + column]!);
        const actual = bitsIn(result.map((register) => register[group + column]!));
        expect(wanted.map((_, i) => (actual >> BigInt(bits * i)) & mask)).toEqual(wanted);
      }
    }
  });
});
