import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseSafetensors } from "../../../lib/cli/demo/safetensors.js";
import { austen } from "../../support/austen.js";

function file(header: unknown, data: number[]): Uint8Array {
  const json = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.from(data)]);
}

describe("parseSafetensors", () => {
  it("reads tensors and metadata", () => {
    const header = {
      __metadata__: { kind: "test" },
      a: { dtype: "I8", shape: [2, 2], data_offsets: [0, 4] },
      b: { dtype: "F32", shape: [], data_offsets: [4, 8] },
    };
    const { metadata, tensors } = parseSafetensors(file(header, [1, 2, 3, 4, 0, 0, 128, 63]));
    expect(metadata).toEqual({ kind: "test" });
    expect([...tensors.get("a")!.bytes]).toEqual([1, 2, 3, 4]);
    expect(tensors.get("b")).toMatchObject({ dtype: "F32", shape: [] });
    expect([...tensors.get("b")!.bytes]).toEqual([0, 0, 128, 63]);
  });

  it("reads the demo's model to its last byte", () => {
    const bytes = readFileSync(austen.model);
    const { tensors } = parseSafetensors(bytes);
    const ends = [...tensors.values()].map((tensor) => tensor.bytes.byteOffset + tensor.bytes.byteLength);
    expect(Math.max(...ends)).toBe(bytes.byteOffset + bytes.byteLength);
  });

  it.each([
    ["a file without a header", Uint8Array.from([1, 2, 3])],
    ["a header longer than the file", file("{}", []).subarray(0, 9)],
    ["a header that is not JSON", file("{", [])],
    ["a header that is not an object", file("null", [])],
    ["an unknown dtype", file({ a: { dtype: "X", shape: [1], data_offsets: [0, 1] } }, [0])],
    ["a negative length", file({ a: { dtype: "I8", shape: [-1], data_offsets: [0, 1] } }, [0])],
    ["offsets beyond the file", file({ a: { dtype: "I8", shape: [2], data_offsets: [0, 2] } }, [0])],
    [
      "offsets that do not fit the shape",
      file({ a: { dtype: "I8", shape: [2], data_offsets: [0, 1] } }, [0]),
    ],
    ["offsets that are no pair", file({ a: { dtype: "I8", shape: [1], data_offsets: [0] } }, [0])],
  ])("refuses %s", (_, bytes) => {
    expect(() => parseSafetensors(bytes, "model")).toThrow(
      expect.objectContaining({ code: "ERR_INVALID_ARGUMENT", argument: "model" }),
    );
  });
});
