import { afterEach, describe, expect, it } from "vitest";
import { Laboratory, lanes, noAssembler, type Snippet } from "../../support/assemble.js";
import { onGpu, openTestDevice, setOptions } from "../../support/device.js";
import { memoryAfter, memorySnippet } from "../../support/memory-snippets.js";

// Scalar stores and atomics: what they leave in memory and in registers, at once and as late as waits allow.

const data = [0x11111111, 0x22222222, 0x33333333, 0x44444444];
const setData = data.map((value, k) => `s_mov_b32 s${20 + k}, ${value}`).join("\n");
const wait = "s_waitcnt lgkmcnt(0)";
const afterwards = (code: string, outputs: string[], records?: number): Snippet =>
  memorySnippet(`s_mov_b32 s16, 8\n${setData}\n${code}\n${wait}\ns_dcache_wb`, 0, outputs, records);

/** Dwords 0, 1, ... of memory at first. */
const initial = (index: number) => (0x1000 + index) >>> 0;

interface Case {
  snippet: Snippet;
  /** Dwords that change. */
  memory: Record<number, number>;
  registers?: number[];
}
const stored = (first: number, count: number) =>
  Object.fromEntries(data.slice(0, count).map((value, k) => [first + k, value]));

const STORES: Record<string, Case> = {
  s_store_dword: { snippet: afterwards("s_store_dword s20, s[8:9], 0x10", []), memory: stored(4, 1) },
  s_store_dwordx2: { snippet: afterwards("s_store_dwordx2 s[20:21], s[8:9], s16", []), memory: stored(2, 2) },
  s_store_dwordx4: {
    snippet: afterwards("s_store_dwordx4 s[20:23], s[8:9], 0x40", []),
    memory: stored(16, 4),
  },
  s_buffer_store_dword: {
    snippet: afterwards("s_buffer_store_dword s20, s[8:11], 0x14", []),
    memory: stored(5, 1),
  },
  "s_buffer_store_dwordx4 over the end of its buffer": {
    snippet: afterwards("s_buffer_store_dwordx4 s[20:23], s[8:11], 0x8", [], 16),
    memory: stored(2, 2),
  },
  "s_store_dword of a register that changes before the wait": {
    snippet: afterwards("s_store_dword s20, s[8:9], 0x10\ns_mov_b32 s20, 0", []),
    memory: stored(4, 1),
  },
};

/** What each operation makes of the old value and its data. */
const OPERATIONS: Record<string, (old: bigint, value: bigint, bits: 32 | 64) => bigint> = {
  swap: (_, value) => value,
  add: (old, value) => old + value,
  sub: (old, value) => old - value,
  smin: (old, value, bits) => (BigInt.asIntN(bits, old) < BigInt.asIntN(bits, value) ? old : value),
  umin: (old, value) => (old < value ? old : value),
  smax: (old, value, bits) => (BigInt.asIntN(bits, old) > BigInt.asIntN(bits, value) ? old : value),
  umax: (old, value) => (old > value ? old : value),
  and: (old, value) => old & value,
  or: (old, value) => old | value,
  xor: (old, value) => old ^ value,
  inc: (old, value) => (old >= value ? 0n : old + 1n),
  dec: (old, value) => (old === 0n || old > value ? value : old - 1n),
};
const words = (value: bigint, bits: 32 | 64) =>
  Array.from({ length: bits / 32 }, (_, k) => Number((value >> BigInt(32 * k)) & 0xffffffffn));

function atomicCase(name: string, bits: 32 | 64, value: bigint, base: "s[8:9]" | "s[8:11]"): Case {
  const count = bits / 32;
  const old = bits === 32 ? BigInt(initial(4)) : BigInt(initial(4)) | (BigInt(initial(5)) << 32n);
  const expected = BigInt.asUintN(bits, OPERATIONS[name]!(old, value, bits));
  const register = count === 1 ? "s24" : "s[24:25]";
  const moves = words(value, bits).map((word, k) => `s_mov_b32 s${24 + k}, ${word}`);
  const prefix = base === "s[8:9]" ? "s_atomic" : "s_buffer_atomic";
  const code = `${prefix}_${name}${bits === 64 ? "_x2" : ""} ${register}, ${base}, 0x10 glc`;
  return {
    snippet: afterwards(`${moves.join("\n")}\n${code}`, count === 1 ? ["s24"] : ["s24", "s25"]),
    memory: Object.fromEntries(words(expected, bits).map((word, k) => [4 + k, word])),
    registers: words(old, bits),
  };
}

const ATOMICS: Record<string, Case> = Object.fromEntries(
  Object.keys(OPERATIONS).flatMap((name) => [
    [`s_atomic_${name}`, atomicCase(name, 32, 0x1003n, "s[8:9]")],
    [`s_atomic_${name} of a larger value`, atomicCase(name, 32, 0x90000000n, "s[8:9]")],
    [`s_atomic_${name}_x2`, atomicCase(name, 64, 0x9000000010041004n, "s[8:9]")],
    [`s_buffer_atomic_${name}`, atomicCase(name, 32, 0x1007n, "s[8:11]")],
  ]),
);
const OTHERS: Record<string, Case> = {
  "s_atomic_cmpswap that finds its value": {
    snippet: afterwards(`s_mov_b32 s21, ${initial(4)}\ns_atomic_cmpswap s[20:21], s[8:9], 0x10 glc`, [
      "s20",
      "s21",
    ]),
    memory: stored(4, 1),
    registers: [initial(4), initial(4)],
  },
  "s_atomic_cmpswap that does not": {
    snippet: afterwards("s_atomic_cmpswap s[20:21], s[8:9], 0x10 glc", ["s20", "s21"]),
    memory: {},
    registers: [initial(4), data[1]!],
  },
  "s_atomic_add that gives nothing back": {
    snippet: afterwards("s_atomic_add s20, s[8:9], 0x10", ["s20"]),
    memory: { 4: initial(4) + data[0]! },
    registers: [data[0]!],
  },
};
const CASES = { ...STORES, ...ATOMICS, ...OTHERS };

afterEach(() => void setOptions({ DELIVERY: "early" }));

describe.skipIf(onGpu || noAssembler)("scalar stores and atomics", () => {
  const contents = Array.from({ length: 8 }, (_, block) => lanes((lane) => initial(64 * block + lane)));
  const names = Object.keys(CASES) as (keyof typeof CASES)[];

  it.each(["early", "late"])("do what they say, %s", async (delivery) => {
    setOptions({ DELIVERY: delivery });
    await using device = openTestDevice();
    const laboratory = Laboratory.assemble(
      device,
      Object.fromEntries(names.map((name, k) => [`scalar_${k}`, CASES[name]!.snippet])),
    );
    for (const [k, name] of names.entries()) {
      const { memory, registers = [] } = CASES[name]!;
      const outputs = await laboratory.run(`scalar_${k}`, contents);
      const given = outputs.slice(0, registers.length).map((register) => register[0]!);
      expect([name, ...given]).toEqual([name, ...registers]);
      const after = new Uint32Array(memoryAfter(outputs).buffer);
      const expected = Array.from(after, (_, index) => memory[index] ?? initial(index));
      expect([name, ...after]).toEqual([name, ...expected]);
    }
  });

  it("poison the old value until its wait", async () => {
    setOptions({ DELIVERY: "late" });
    await using device = openTestDevice();
    const laboratory = Laboratory.assemble(device, {
      early: memorySnippet("s_mov_b32 s20, 1\ns_atomic_add s20, s[8:9], 0x10 glc\ns_mov_b32 s21, s20", 0, [
        "s21",
      ]),
    });
    const [value] = await laboratory.run("early", contents);
    expect(value![0]).toBe(0x7fff7fff);
  });
});

describe.skipIf(onGpu || noAssembler)("s_setvskip", () => {
  it("passes vector and memory instructions over, until it is switched off", async () => {
    await using device = openTestDevice();
    const laboratory = Laboratory.assemble(device, {
      skip: {
        code: `v_mov_b32 v4, 1
v_mov_b32 v5, 1
s_mov_b32 s20, 0x10
s_mov_b32 s21, 4
s_setvskip s20, s21
v_mov_b32 v4, 2
v_mfma_f32_4x4x1_16b_f32 v[100:103], v4, v4, 1.0
global_load_dword v5, v255, s[6:7]
ds_write_b32 v255, v4
v_cmp_eq_u32 vcc, v4, v4
s_mov_b32 s22, 7
s_setvskip s20, 0
v_add_u32 v4, v4, 4
ds_read_b32 v6, v255
s_waitcnt lgkmcnt(0)`,
        inputs: 0,
        outputs: ["v4", "v5", "v6", "v100", "s22"],
        ldsBytes: 256,
      },
    });
    const outputs = await laboratory.run("skip", []);
    expect(outputs.map((register) => register[0])).toEqual([5, 1, 0, 0, 7]);
  });
});
