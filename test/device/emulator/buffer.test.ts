import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Device, EMULATED_ARCHS } from "../../../lib/device/device.js";
import { Laboratory, lanes, noAssembler, type Snippet } from "../../support/assemble.js";
import { onGpu, openTestDevice } from "../../support/device.js";
import { integerLanes, randomDwords } from "../../support/lane-values.js";
import {
  isSome,
  loaded,
  loads,
  type MemoryAccess,
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

/** The descriptor covers this much of the memory, the last dword only in part. */
const records = 1002;

const cases = [
  ...loads.map((access) => ({ access, kind: "load" as const })),
  ...stores.map((access) => ({ access, kind: "store" as const })),
].map((row) => ({ ...row, title: `buffer_${row.kind}_${row.access.width}` }));

/** Loads out of range read 0, dword by dword. */
function clippedLoad(
  memory: Uint8Array,
  position: number,
  offset: number,
  access: MemoryAccess,
  old: number[],
): number[] {
  const inside = (at: number, size: number) => position + at + size <= records;
  if (access.bytes < 4) {
    const source = inside(0, access.bytes)
      ? memory.slice(position + offset, position + offset + 4)
      : new Uint8Array(4);
    return loaded(Uint8Array.from([...source, 0, 0, 0, 0]), 0, access, old);
  }
  return Array.from({ length: access.bytes / 4 }, (_, i) =>
    inside(4 * i, 4) ? loaded(memory, position + offset + 4 * i, { width: "", bytes: 4 }, [])[0]! : 0,
  );
}

describe.skipIf(noAssembler || onGpu).each(EMULATED_ARCHS)("buffer instructions of %s", (arch) => {
  let device: Device;
  let laboratory: Laboratory;

  beforeAll(() => {
    device = openTestDevice({ emulate: arch });
    const snippets: Record<string, Snippet> = {};
    for (const [k, { access, kind }] of cases.entries()) {
      const count = registersOf(access);
      const data = registers(kind === "load" ? 10 : 2, count);
      const old = registerNames(10, count)
        .map((name) => `v_mov_b32 ${name}, v2`)
        .join("\n");
      // soffset (8) is added to the address, but takes no part in the range check.
      const code = `s_mov_b32 s12, 8\nbuffer_${kind}_${access.width} ${data}, v1, s[8:11], s12 offen offset:4`;
      for (const [name, body] of [
        ["all", code],
        ["some", withSomeLanes(code)],
      ]) {
        snippets[`${name}${k}`] = memorySnippet(
          `${old}\n${body}`,
          5,
          kind === "load" ? registerNames(10, count) : [],
          records,
        );
      }
    }
    // Structured: a stride of 24 bytes, 20 records; index and offset from a register pair.
    const structured =
      "s_or_b32 s9, s9, 24 << 16\nv_and_b32 v93, 12, v2\nv_mov_b32 v92, v1\nbuffer_load_dwordx2 v[10:11], v[92:93], s[8:11], 0 idxen offen offset:4";
    snippets.structured = memorySnippet(`${structured}\ns_and_b32 s9, s9, 0xffff`, 2, ["v10", "v11"], 20);
    snippets.immediate = memorySnippet(
      "buffer_load_dword v10, off, s[8:11], 0 offset:20",
      0,
      ["v10"],
      records,
    );
    snippets.accumulation = memorySnippet(
      "buffer_load_dword a10, v1, s[8:11], 0 offen\ns_waitcnt vmcnt(0)\nbuffer_store_dword a10, v1, s[8:11], 0 offen offset:256",
      1,
      [],
      records,
    );
    laboratory = Laboratory.assemble(device, snippets);
  });
  afterAll(() => device.close());

  it.each(cases.map((row, k) => ({ ...row, k })))("$title", async ({ access, kind, k }) => {
    const next = randomDwords(k);
    const data = [1, 2, 3, 4].map((seed) => integerLanes(seed + k));
    const contents = memoryContents(100 + k);
    const inside = lanes((lane) => lane * Math.min(access.bytes, 8));
    const mixed = lanes((lane) =>
      lane === 9 ? 0x80000000 : 2 * lane === 42 ? 0xfffffffc : ((lane * 37) % 64) * 20 + (next() % 2) * 4,
    );
    for (const offsets of [inside, mixed]) {
      for (const [name, active] of [
        ["all", () => true],
        ["some", isSome],
      ] as const) {
        const result = await laboratory.run(`${name}${k}`, [offsets, ...data, ...contents.inputs]);
        const memory = contents.bytes.slice();
        for (let lane = 0; lane < 64; lane++) {
          const position = offsets[lane]! + 4;
          if (kind === "load") {
            const old = registerNames(10, registersOf(access)).map(() => data[0]![lane]!);
            const wanted = active(lane) ? clippedLoad(memory, position, 8, access, old) : old;
            expect(result.slice(0, old.length).map((register) => register[lane])).toEqual(wanted);
          } else if (active(lane)) {
            const bytes = stored(
              data.map((register) => register[lane]!),
              access,
            );
            const step = Math.min(4, access.bytes);
            for (let at = 0; at < bytes.length; at += step) {
              if (position + at + step <= records) memory.set(bytes.slice(at, at + step), position + 8 + at);
            }
          }
        }
        expect(memoryAfter(result)).toEqual(memory);
      }
    }
  });

  it("structured buffers are checked by index", async () => {
    const index = lanes((lane) => (lane * 5) % 24);
    const offset = integerLanes(3);
    const contents = memoryContents(9);
    const [low, high] = await laboratory.run("structured", [index, offset, ...contents.inputs]);
    for (let lane = 0; lane < 64; lane++) {
      const at = index[lane]! * 24 + (offset[lane]! & 12) + 4;
      const wanted = index[lane]! < 20 ? loaded(contents.bytes, at, { width: "", bytes: 8 }, []) : [0, 0];
      expect([low![lane], high![lane]]).toEqual(wanted);
    }
  });

  it("one address for all lanes", async () => {
    const contents = memoryContents(10);
    const [value] = await laboratory.run("immediate", contents.inputs);
    expect(value).toEqual(lanes(() => loaded(contents.bytes, 20, { width: "", bytes: 4 }, [])[0]!));
  });

  it("accumulation registers as data", async () => {
    const contents = memoryContents(11);
    const after = memoryAfter(
      await laboratory.run("accumulation", [lanes((lane) => 4 * lane), ...contents.inputs]),
    );
    expect(after.slice(256, 512)).toEqual(contents.bytes.slice(0, 256));
  });
});
