import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Device, EMULATED_ARCHS } from "../../../lib/device/device.js";
import { assembleObject, Laboratory, lanes, noAssembler, type Snippet } from "../../support/assemble.js";
import { onGpu, openTestDevice } from "../../support/device.js";
import {
  bitsOf,
  doubleOf,
  doubleWords,
  floatOf,
  halfOf,
  integerLanes,
  nearestHalf,
  randomDwords,
} from "../../support/lane-values.js";
import {
  isSome,
  memoryAfter,
  memoryContents,
  memorySnippet,
  registerNames,
  registers,
  withSomeLanes,
} from "../../support/memory-snippets.js";

type Update = (old: bigint, data: bigint, second: bigint) => bigint;
interface Operation {
  bits: 32 | 64;
  update: Update;
  /** Reads a second operand. */
  second?: boolean;
  /** How inputs are made; integers by default. */
  kind?: "float" | "double" | "half" | "bf16" | "small";
}

const asSigned = (bits: number, value: bigint) => BigInt.asIntN(bits, value);
const floatOp =
  (f: (a: number, b: number) => number): Update =>
  (old, data) =>
    BigInt(bitsOf(f(floatOf(Number(old)), floatOf(Number(data)))));
const doubleOp =
  (f: (a: number, b: number) => number): Update =>
  (old, data) => {
    const number = (value: bigint) => doubleOf(Number(value & 0xffffffffn), Number(value >> 32n));
    const [low, high] = doubleWords(f(number(old), number(data)));
    return BigInt(low) | (BigInt(high) << 32n);
  };
const halves =
  (f: (bits: number) => number, g: (value: number) => number): Update =>
  (old, data) =>
    [0, 16].reduce((sum, shift) => {
      const half = (value: bigint) => f(Number((value >> BigInt(shift)) & 0xffffn));
      return sum | (BigInt(g(half(old) + half(data))) << BigInt(shift));
    }, 0n);
/** Small integers and their sums are exact in bf16. */
const bf16 = halves(
  (bits) => floatOf((bits << 16) >>> 0),
  (value) => bitsOf(value) >>> 16,
);

const integer = (bits: 32 | 64): Record<string, Operation> => ({
  swap: { bits, update: (_, d) => d },
  cmpswap: { bits, update: (o, d, s) => (o === s ? d : o), second: true, kind: "small" },
  add: { bits, update: (o, d) => o + d },
  sub: { bits, update: (o, d) => o - d },
  smin: { bits, update: (o, d) => (asSigned(bits, o) < asSigned(bits, d) ? o : d) },
  umin: { bits, update: (o, d) => (o < d ? o : d) },
  smax: { bits, update: (o, d) => (asSigned(bits, o) > asSigned(bits, d) ? o : d) },
  umax: { bits, update: (o, d) => (o > d ? o : d) },
  and: { bits, update: (o, d) => o & d },
  or: { bits, update: (o, d) => o | d },
  xor: { bits, update: (o, d) => o ^ d },
  inc: { bits, update: (o, d) => (o >= d ? 0n : o + 1n), kind: "small" },
  dec: { bits, update: (o, d) => (o === 0n || o > d ? d : o - 1n), kind: "small" },
});
const addF32: Operation = { bits: 32, update: floatOp((a, b) => a + b), kind: "float" };
const doubles: Record<string, Operation> = {
  add_f64: { bits: 64, update: doubleOp((a, b) => a + b), kind: "double" },
  min_f64: { bits: 64, update: doubleOp(Math.min), kind: "double" },
  max_f64: { bits: 64, update: doubleOp(Math.max), kind: "double" },
};
const packedHalf: Operation = { bits: 32, update: halves(halfOf, nearestHalf), kind: "half" };
const packedBf16: Operation = { bits: 32, update: bf16, kind: "bf16" };

/** Atomics on device memory, and those whose old value this target gives back. */
const deviceOperations = (arch: string): [name: string, operation: Operation, returns: boolean][] => [
  ...Object.entries(integer(32)).map(([name, op]): [string, Operation, boolean] => [name, op, true]),
  ...Object.entries(integer(64)).map(([name, op]): [string, Operation, boolean] => [`${name}_x2`, op, true]),
  ...Object.entries(doubles).map(([name, op]): [string, Operation, boolean] => [name, op, true]),
  ["add_f32", addF32, arch !== "gfx90a"],
  ["pk_add_f16", packedHalf, arch !== "gfx90a"],
  ...(arch === "gfx90a" ? [] : [["pk_add_bf16", packedBf16, true] as [string, Operation, boolean]]),
];

const dsNames: [string, string, Operation][] = (
  [
    ["add", "u", "add"],
    ["sub", "u", "sub"],
    ["min", "i", "smin"],
    ["min", "u", "umin"],
    ["max", "i", "smax"],
    ["max", "u", "umax"],
    ["and", "b", "and"],
    ["or", "b", "or"],
    ["xor", "b", "xor"],
    ["inc", "u", "inc"],
    ["dec", "u", "dec"],
    ["wrxchg", "b", "swap"],
  ] as const
).flatMap(([name, type, operation]) =>
  ([32, 64] as const).map((bits): [string, string, Operation] => [
    name,
    `${type}${bits}`,
    integer(bits)[operation]!,
  ]),
);
const dsOperations: [string, string, Operation][] = [
  ...dsNames,
  ["rsub", "u32", { bits: 32, update: (o, d) => d - o }],
  ["mskor", "b32", { bits: 32, update: (o, d, s) => (o & ~d) | s, second: true }],
  ["cmpst", "b32", { bits: 32, update: (o, d, s) => (o === d ? s : o), second: true, kind: "small" }],
  ["cmpst", "b64", { bits: 64, update: (o, d, s) => (o === d ? s : o), second: true, kind: "small" }],
  ["add", "f32", addF32],
  ["min", "f32", { bits: 32, update: floatOp(Math.min), kind: "float" }],
  ["max", "f64", { bits: 64, update: doubleOp(Math.max), kind: "double" }],
  ["add", "f64", doubles.add_f64!],
];

/** Data of 64 lanes: low and high dwords. Floats are small integers, so that sums are exact in any order. */
function dataLanes(kind: Operation["kind"], seed: number): [Uint32Array, Uint32Array] {
  const next = randomDwords(seed);
  const whole = () => (next() % 64) - 32;
  const half = (value: number) => nearestHalf(value);
  switch (kind) {
    case "small":
      return [lanes(() => next() % 4), lanes(() => 0)];
    case "float":
      return [lanes(() => bitsOf(whole())), lanes(() => 0)];
    case "double":
      return [lanes(() => 0), lanes(() => doubleWords(whole())[1])];
    case "half":
      return [lanes(() => half(whole()) | (half(whole()) << 16)), lanes(() => 0)];
    case "bf16":
      return [lanes(() => (bitsOf(whole()) >>> 16) | (bitsOf(whole()) & 0xffff0000)), lanes(() => 0)];
    default:
      return [integerLanes(seed), integerLanes(seed + 50)];
  }
}

/** Lanes act in ascending order; gives the memory after and each lane's old value. */
function simulate(
  operation: Operation,
  memory: Uint8Array,
  addresses: Uint32Array,
  data: [Uint32Array, Uint32Array],
  second: [Uint32Array, Uint32Array],
) {
  const view = new DataView(memory.buffer);
  const wide = operation.bits === 64;
  const value = ([low, high]: [Uint32Array, Uint32Array], lane: number) =>
    BigInt(low[lane]!) | (wide ? BigInt(high[lane]!) << 32n : 0n);
  const old = Array.from({ length: 64 }, () => 0n);
  for (let lane = 0; lane < 64; lane++) {
    if (!isSome(lane)) continue;
    const at = addresses[lane]!;
    old[lane] = wide ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true));
    const result = BigInt.asUintN(
      operation.bits,
      operation.update(old[lane]!, value(data, lane), value(second, lane)),
    );
    if (wide) view.setBigUint64(at, result, true);
    else view.setUint32(at, Number(result), true);
  }
  return old;
}

describe.skipIf(noAssembler || onGpu).each(EMULATED_ARCHS)("atomics of %s", (arch) => {
  let device: Device;
  let laboratory: Laboratory;
  const operations = deviceOperations(arch);
  const glc = arch === "gfx90a" ? "glc" : "sc0";
  const forms = {
    global: (d: string) => `v1, ${d}, s[8:9]`,
    buffer: (d: string) => `${d}, v1, s[8:11], 0 offen`,
  };

  beforeAll(() => {
    device = openTestDevice({ emulate: arch });
    const snippets: Record<string, Snippet> = {};
    // v2, v3 data; v4, v5 second operand. cmpswap has the compare value behind the new one.
    for (const [k, [name, { bits, second }, returns]] of operations.entries()) {
      const count = bits / 32;
      const compact = second && count === 1 ? "v_mov_b32 v3, v4\n" : "";
      const data = registers(2, second ? 2 * count : count);
      for (const form of ["global", "buffer"] as const) {
        const text = (extra: string) => `${compact}${form}_atomic_${name} ${extra}`;
        // A buffer atomic gives back its old value in its data registers.
        const returning =
          form === "global"
            ? text(`${registers(10, count)}, ${forms.global(data)} ${glc}`)
            : text(`${forms.buffer(data)} ${glc}`);
        const results = registerNames(form === "global" ? 10 : 2, count);
        if (form === "buffer" && name === "pk_add_bf16" && arch !== "gfx950") continue;
        const code = returns ? returning : text(form === "global" ? forms.global(data) : forms.buffer(data));
        snippets[`${form}${k}`] = memorySnippet(withSomeLanes(code), 5, returns ? results : []);
      }
    }
    for (const [k, [name, type, { bits, second }]] of dsOperations.entries()) {
      const count = bits / 32;
      const code = `ds_${name}_rtn_${type} ${registers(10, count)}, v1, ${registers(2, count)}${second ? `, ${registers(4, count)}` : ""}`;
      const fill = registerNames(6, 2)
        .map((register, i) => `v_mul_u32_u24 v100, 8, v0\nds_write_b32 v100, ${register} offset:${4 * i}`)
        .join("\n");
      const read = registerNames(20, 2)
        .map((register, i) => `ds_read_b32 ${register}, v100 offset:${4 * i}`)
        .join("\n");
      snippets[`ds${k}`] = {
        code: `${fill}\n${withSomeLanes(code)}\n${read}`,
        inputs: 7,
        outputs: [...registerNames(20, 2), ...registerNames(10, count)],
        ldsBytes: 512,
      };
    }
    laboratory = Laboratory.assemble(device, snippets);
  });
  afterAll(() => device.close());

  const forDevice = operations.flatMap(([name, operation, returns], k) =>
    (["global", "buffer"] as const)
      .filter((form) => form === "global" || name !== "pk_add_bf16" || arch === "gfx950")
      .map((form) => ({ title: `${form}_atomic_${name}`, form, operation, returns, k })),
  );
  it.each(forDevice)("$title", async ({ form, operation, returns, k }) => {
    const next = randomDwords(k);
    const size = operation.bits / 8;
    const addresses = lanes(() => (next() % 20) * size);
    const data = dataLanes(operation.kind, k + 1);
    const second = dataLanes(operation.kind, k + 2);
    const start = dataLanes(operation.kind, k + 3);
    const contents = memoryContents(200 + k).inputs;
    // The first 512 bytes hold values of the operation's kind.
    const initial = new Uint32Array(128).map((_, i) =>
      operation.bits === 64 ? start[i % 2]![i >> 1]! : start[0]![i % 64]!,
    );
    contents[0] = initial.slice(0, 64);
    contents[1] = initial.slice(64);
    const result = await laboratory.run(`${form}${k}`, [addresses, ...data, ...second, ...contents]);
    const memory = memoryAfter(contents);
    const old = simulate(operation, memory, addresses, data, second);
    expect(memoryAfter(result)).toEqual(memory);
    if (!returns) return;
    for (let lane = 0; lane < 64; lane++) {
      if (!isSome(lane)) continue;
      const words = [old[lane]! & 0xffffffffn, old[lane]! >> 32n].slice(0, operation.bits / 32).map(Number);
      expect(result.slice(0, words.length).map((register) => register[lane])).toEqual(words);
    }
  });

  it.each(
    dsOperations.map(([name, type, operation], k) => ({ title: `ds_${name}_rtn_${type}`, operation, k })),
  )("$title", async ({ operation, k }) => {
    const next = randomDwords(k);
    const addresses = lanes(() => (next() % 20) * (operation.bits / 8));
    const data = dataLanes(operation.kind, k + 1);
    const second = dataLanes(operation.kind, k + 2);
    const [low, high] = dataLanes(operation.kind, k + 3);
    const start = operation.bits === 64 ? [low, high] : [low, dataLanes(operation.kind, k + 4)[0]];
    const result = await laboratory.run(`ds${k}`, [addresses, ...data, ...second, start[0]!, start[1]!]);
    const interleave = (even: Uint32Array, odd: Uint32Array) =>
      new Uint8Array(new Uint32Array(128).map((_, i) => (i % 2 ? odd : even)[i >> 1]!).buffer);
    const memory = interleave(start[0]!, start[1]!);
    const old = simulate(operation, memory, addresses, data, second);
    expect(interleave(result[0]!, result[1]!)).toEqual(memory);
    for (let lane = 0; lane < 64; lane++) {
      if (!isSome(lane)) continue;
      const words = [old[lane]! & 0xffffffffn, old[lane]! >> 32n].slice(0, operation.bits / 32).map(Number);
      expect(result.slice(2, 2 + words.length).map((register) => register[lane])).toEqual(words);
    }
  });
});

describe.skipIf(noAssembler || onGpu)("atomics of workgroups that run at the same time", () => {
  it("lose no update", async () => {
    await using device = openTestDevice();
    const name = "count";
    const source = `.amdgcn_target "amdgcn-amd-amdhsa--gfx942"
.text
.globl ${name}
.p2align 8
.type ${name},@function
${name}:
s_load_dwordx2 s[4:5], s[0:1], 0x0
v_mov_b32 v1, 0
v_mov_b32 v2, 1
v_mov_b32 v3, 1.0
s_movk_i32 s6, 200
s_waitcnt lgkmcnt(0)
repeat:
global_atomic_add v1, v2, s[4:5]
global_atomic_add_f32 v1, v3, s[4:5] offset:4
s_sub_u32 s6, s6, 1
s_cmp_lg_u32 s6, 0
s_cbranch_scc1 repeat
s_endpgm
.rodata
.p2align 6
.amdhsa_kernel ${name}
  .amdhsa_user_sgpr_kernarg_segment_ptr 1
  .amdhsa_kernarg_size 8
  .amdhsa_next_free_vgpr 8
  .amdhsa_next_free_sgpr 16
  .amdhsa_accum_offset 8
.end_amdhsa_kernel
.amdgpu_metadata
amdhsa.version: [1, 2]
amdhsa.target: amdgcn-amd-amdhsa--gfx942
amdhsa.kernels:
  - .name: ${name}
    .symbol: ${name}.kd
    .kernarg_segment_size: 8
    .group_segment_fixed_size: 0
    .private_segment_fixed_size: 0
    .kernarg_segment_align: 8
    .wavefront_size: 64
    .sgpr_count: 16
    .vgpr_count: 8
    .max_flat_workgroup_size: 64
    .args:
      - .offset: 0
        .size: 8
        .value_kind: global_buffer
.end_amdgpu_metadata
`;
    const module = device.loadModule(assembleObject("gfx942", source));
    using counters = device.zeros([2], "int32");
    device.defaultStream.launch(module.kernel(name), {
      grid: [16],
      block: 64,
      kernargs: new BigUint64Array([counters.pointer]),
    });
    const values = (await counters.read()) as Int32Array;
    expect(values[0]).toBe(16 * 64 * 200);
    expect(floatOf(values[1]!)).toBe(16 * 64 * 200);
  });
});
