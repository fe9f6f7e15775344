import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readMessagePack } from "../../../lib/device/message-pack.js";

/** An encoder for the test, from the specification (github.com/msgpack/msgpack, spec.md). */
function pack(value: unknown): number[] {
  const sized = (length: number, fix: [number, number] | null, ...types: (number | null)[]): number[] => {
    if (fix !== null && length < fix[1]) return [fix[0] | length];
    const [byte, short, long] = types;
    if (byte != null && length < 256) return [byte, length];
    if (length < 65536) return [short!, length >> 8, length & 255];
    return [long!, length >>> 24, (length >> 16) & 255, (length >> 8) & 255, length & 255];
  };
  if (value === null) return [0xc0];
  if (typeof value === "boolean") return [value ? 0xc3 : 0xc2];
  if (typeof value === "string") {
    const bytes = new TextEncoder().encode(value);
    return [...sized(bytes.length, [0xa0, 32], 0xd9, 0xda, 0xdb), ...bytes];
  }
  if (Array.isArray(value)) {
    return [...sized(value.length, [0x90, 16], null, 0xdc, 0xdd), ...value.flatMap(pack)];
  }
  if (typeof value === "object") {
    const entries = Object.entries(value);
    return [...sized(entries.length, [0x80, 16], null, 0xde, 0xdf), ...entries.flat().flatMap(pack)];
  }
  const number = value as number;
  const bytes = new DataView(new ArrayBuffer(9));
  const take = (type: number, length: number) => [type, ...new Uint8Array(bytes.buffer, 0, length)];
  if (!Number.isSafeInteger(number)) {
    bytes.setFloat64(0, number);
    return take(0xcb, 8);
  }
  if (number >= 0 && number < 128) return [number];
  if (number < 0 && number >= -32) return [number & 255];
  if (number >= 0 && number < 2 ** 32) {
    bytes.setUint32(0, number);
    return take(0xce, 4);
  }
  bytes.setBigInt64(0, BigInt(number));
  return take(0xd3, 8);
}

const read = (bytes: number[]) => readMessagePack(new DataView(Uint8Array.from(bytes).buffer));

describe("readMessagePack", () => {
  it("reads what was written", () => {
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.string({ maxLength: 300 }),
        fc.integer(),
        fc.maxSafeInteger(),
        fc.double({ noNaN: true }),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie("value"), { maxLength: 20 }),
        fc.dictionary(fc.string(), tie("value"), { maxKeys: 20, noNullPrototype: true }),
      ),
    }));
    fc.assert(
      fc.property(value, (written) => {
        expect(JSON.stringify(read(pack(written)))).toBe(JSON.stringify(written));
      }),
      { numRuns: 200 },
    );
  });

  it("throws for whatever is not MessagePack, and never hangs", () => {
    expect(() => read([])).toThrow("ends early");
    expect(() => read([0xa5, 0x61])).toThrow("ends early");
    expect(() => read([0xdd, 0xff, 0xff, 0xff, 0xff])).toThrow("ends early");
    expect(() => read([0x81, 0x01, 0x01])).toThrow("key");
    expect(() => read([0xc1])).toThrow("unknown type 0xc1");
    expect(() => read(new Array(1000).fill(0x91))).toThrow("deeply");
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          read([...bytes]);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
    );
  });
});
