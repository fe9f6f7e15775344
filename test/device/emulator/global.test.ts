import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Device, EMULATED_ARCHS } from "../../../lib/device/device.js";
import { Laboratory, lanes, noAssembler, type Snippet } from "../../support/assemble.js";
import { coded } from "../../support/coded.js";
import { onGpu, openTestDevice } from "../../support/device.js";
import { integerLanes, randomDwords } from "../../support/lane-values.js";
import {
  isSome,
  loaded,
  loads,
  memoryAfter,
  memoryContents,
  memorySnippet,
  registerNames,
  registers,
  registersOf,
  stored,
  stores,
  withSomeLanes,
} from "../../support/memory-snippets.js";

/** v1 is a lane's offset from s[8:9]; v[90:91] becomes its address. */
const wideAddress = "v_mov_b32 v92, s9\nv_add_co_u32 v90, vcc, s8, v1\nv_addc_co_u32 v91, vcc, 0, v92, vcc";
/** Ways to address memory, by the operands around the data. */
const forms: Record<
  string,
  { prefix: string; load: (data: string) => string; store: (data: string) => string; offset: number }
> = {
  "a 64-bit address": {
    prefix: "global",
    load: (d) => `${d}, v[90:91], off offset:-16`,
    store: (d) => `v[90:91], ${d}, off offset:-16`,
    offset: -16,
  },
  "a scalar base": {
    prefix: "global",
    load: (d) => `${d}, v1, s[8:9] offset:32`,
    store: (d) => `v1, ${d}, s[8:9] offset:32`,
    offset: 32,
  },
  "a flat address": {
    prefix: "flat",
    load: (d) => `${d}, v[90:91] offset:48`,
    store: (d) => `v[90:91], ${d} offset:48`,
    offset: 48,
  },
};

const cases = Object.entries(forms).flatMap(([form, rest]) => [
  ...loads.map((access) => ({
    ...rest,
    form,
    access,
    kind: "load" as const,
    title: `${rest.prefix}_load_${access.width} from ${form}`,
  })),
  ...stores.map((access) => ({
    ...rest,
    form,
    access,
    kind: "store" as const,
    title: `${rest.prefix}_store_${access.width} to ${form}`,
  })),
]);

describe.skipIf(noAssembler || onGpu).each(EMULATED_ARCHS)("global and flat instructions of %s", (arch) => {
  let device: Device;
  let laboratory: Laboratory;

  beforeAll(() => {
    device = openTestDevice({ emulate: arch });
    const snippets: Record<string, Snippet> = {};
    for (const [k, { prefix, access, kind, load, store }] of cases.entries()) {
      const count = registersOf(access);
      const data = kind === "load" ? registers(10, count) : registers(2, count);
      const code = `${prefix}_${kind}_${access.width} ${kind === "load" ? load(data) : store(data)}`;
      const old = registerNames(10, count)
        .map((name) => `v_mov_b32 ${name}, v2`)
        .join("\n");
      for (const [name, body] of [
        ["all", code],
        ["some", withSomeLanes(code)],
      ]) {
        snippets[`${name}${k}`] = memorySnippet(
          `${wideAddress}\n${old}\n${body}`,
          5,
          kind === "load" ? registerNames(10, count) : [],
        );
      }
    }
    laboratory = Laboratory.assemble(device, snippets);
  });
  afterAll(() => device.close());

  it.each(cases.map((row, k) => ({ ...row, k })))("$title", async ({ access, kind, offset, k }) => {
    const next = randomDwords(k);
    const data = [1, 2, 3, 4].map((seed) => integerLanes(seed + k));
    const contents = memoryContents(100 + k);
    // Side by side, which has a path of its own, and scattered (loads may overlap, stores may not).
    const beside = lanes((lane) => 64 + lane * access.bytes);
    const shuffled = Array.from({ length: 64 }, (_, lane) => lane).sort(
      (x, y) => ((x * 37) % 64) - ((y * 37) % 64),
    );
    const scattered = lanes((lane) => (kind === "load" ? 64 + (next() % 1500) : 64 + shuffled[lane]! * 24));
    for (const offsets of [beside, scattered]) {
      for (const [name, active] of [
        ["all", () => true],
        ["some", isSome],
      ] as const) {
        const result = await laboratory.run(`${name}${k}`, [offsets, ...data, ...contents.inputs]);
        const memory = contents.bytes.slice();
        for (let lane = 0; lane < 64; lane++) {
          const address = offsets[lane]! + offset;
          if (kind === "load") {
            const old = registerNames(10, registersOf(access)).map(() => data[0]![lane]!);
            const actual = result.slice(0, old.length).map((register) => register[lane]);
            expect(actual).toEqual(active(lane) ? loaded(memory, address, access, old) : old);
          } else if (active(lane)) {
            memory.set(
              stored(
                data.map((register) => register[lane]!),
                access,
              ),
              address,
            );
          }
        }
        expect(memoryAfter(result)).toEqual(memory);
      }
    }
  });
});

describe.skipIf(noAssembler || onGpu)("stray accesses", () => {
  it.each([
    "global_load_dword v10, v1, s[8:9]",
    "global_store_dwordx4 v1, v[2:5], s[8:9]",
    "buffer_load_dword v10, v1, s[8:11], 0 offen",
  ])("%s beyond every allocation is reported and changes nothing", async (code) => {
    const device = openTestDevice();
    const snippet = memorySnippet(code, 5, []);
    const laboratory = Laboratory.assemble(device, {
      stray: { ...snippet, code: snippet.code.replace("s_mov_b32 s10, 2048", "s_mov_b32 s10, -1") },
    });
    const data = [1, 2, 3, 4].map(integerLanes);
    const run = laboratory.run("stray", [
      lanes((lane) => (lane === 12 ? 0x7ffffff0 : 16 * lane)),
      ...data,
      ...memoryContents(3).inputs,
    ]);
    await expect(run).rejects.toEqual(coded("ERR_DEVICE_FAULT", "lane 12"));
    await device.close();
  });
});

describe.skipIf(noAssembler || onGpu)("loads into LDS", () => {
  const rows = [
    { arch: "gfx942", code: "global_load_lds_dword v1, s[8:9] offset:16", bytes: 4 },
    { arch: "gfx942", code: "global_load_lds_sbyte v1, s[8:9] offset:16", bytes: 1 },
    { arch: "gfx950", code: "global_load_lds_dwordx4 v1, s[8:9] offset:16", bytes: 16 },
    { arch: "gfx950", code: "global_load_lds_dwordx3 v1, s[8:9] offset:16", bytes: 12 },
    { arch: "gfx90a", code: "buffer_load_dword v1, s[8:11], 0 offen offset:16 lds", bytes: 4 },
    { arch: "gfx942", code: "buffer_load_ushort v1, s[8:11], 0 offen offset:16 lds", bytes: 2 },
  ] as const;
  it.each(rows)("$arch: $code counts its offset on both sides", async ({ arch, code, bytes }) => {
    await using device = openTestDevice({ emulate: arch });
    const stride = Math.max(4, bytes);
    const readBack = registerNames(10, stride / 4)
      .map((name, i) => `v_mul_u32_u24 v100, ${stride}, v0\nds_read_b32 ${name}, v100 offset:${80 + 4 * i}`)
      .join("\n");
    const snippet = memorySnippet(
      `s_mov_b32 m0, 64\n${withSomeLanes(code)}\n${readBack}`,
      1,
      registerNames(10, stride / 4),
    );
    const laboratory = Laboratory.assemble(device, { load: { ...snippet, ldsBytes: 4096 } });
    const contents = memoryContents(5);
    const offsets = lanes((lane) => ((lane * 29) % 64) * 16);
    const result = await laboratory.run("load", [offsets, ...contents.inputs]);
    for (let lane = 0; lane < 64; lane++) {
      const access = { width: "", bytes, signed: code.includes("sbyte") };
      const actual = result.slice(0, stride / 4).map((register) => register[lane]);
      expect(actual).toEqual(
        isSome(lane) ? loaded(contents.bytes, offsets[lane]! + 16, access, []) : actual.map(() => 0),
      );
    }
  });
});
