import { describe, expect, it } from "vitest";
import { parseManifest } from "../../../lib/catalog/parse-manifest.js";
import { coded } from "../../support/coded.js";
import { kernelRow, manifestOf } from "../../support/manifests.js";

const parse = (manifest: unknown) => parseManifest(JSON.stringify(manifest), "/kernels/manifest.json");
const corrupt = (...words: string[]) => coded("ERR_KERNEL_CORRUPT", "/kernels/manifest\\.json", ...words);

/** Paths of everything in a value but the value itself: ["kernels", 0, "id"], ... */
function places(value: unknown, path: (string | number)[] = []): (string | number)[][] {
  const own = path.length === 0 ? [] : [path];
  if (typeof value !== "object" || value === null) return own;
  const entries = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [...own, ...entries.flatMap(([key, inner]) => places(inner, [...path, key]))];
}

/** A valid manifest with something else at one place; undefined removes it. */
function damaged(path: readonly (string | number)[], value: unknown): unknown {
  const manifest = structuredClone(manifestOf());
  let parent: Record<string | number, unknown> = manifest;
  for (const key of path.slice(0, -1)) parent = parent[key] as Record<string | number, unknown>;
  parent[path.at(-1)!] = value;
  return manifest;
}

const named = (path: readonly (string | number)[]) =>
  path.reduce<string>(
    (text, key) => (typeof key === "number" ? `${text}[${key}]` : text ? `${text}.${key}` : key),
    "",
  );
const literal = (text: string) => text.replace(/[[\].*]/g, "\\$&");

describe("a manifest", () => {
  it("is given back as it stands", () => {
    expect(parse(manifestOf())).toEqual(manifestOf());
    expect(parse(manifestOf({ kernels: [] })).kernels).toEqual([]);
  });

  it.each(["", "{", "not JSON"])("is not %j", (text) => {
    expect(() => parseManifest(text, "/kernels/manifest.json")).toThrow(corrupt("not JSON"));
  });

  it.each([null, 5, "text", []])("is an object, not %j", (value) => {
    expect(() => parse(value)).toThrow(corrupt("an object"));
  });

  // An entry that is absent from a list leaves a valid, shorter list or a null; tiles are free to name what they like, and
  // a kernel does not depend on what `serves` leaves out.
  const required = places(manifestOf()).filter(
    (path) =>
      typeof path.at(-1) !== "number" &&
      named(path) !== "kernels[0].tile.rows" &&
      !(named(path).startsWith("kernels[0].serves.") && named(path) !== "kernels[0].serves.features"),
  );
  it.each(required.map((path) => [named(path), path] as const))("needs %s", (name, path) => {
    expect(() => parse(damaged(path, undefined))).toThrow(corrupt(literal(name)));
  });

  it.each(places(manifestOf()).map((path) => [named(path), path] as const))(
    "refuses values of other types for %s, and names it",
    (name, path) => {
      for (const value of [true, -1, 1.5, "", {}]) {
        const mayBeEmpty = /\.(tile|features|headSizes|blockSizes)$/.test(name);
        if (mayBeEmpty && typeof value === "object") continue;
        expect(() => parse(damaged(path, value)), JSON.stringify(value)).toThrow(corrupt(literal(name)));
      }
    },
  );

  it.each([
    ["schema", 1],
    ["schema", 3],
    ["contract", 0],
    ["platform", "cuda"],
    ["waveSize", 0],
    ["kernels[0].file", "../elsewhere.co"],
    ["kernels[0].file", "folder\\file.co"],
    ["kernels[0].file", ".hidden.co"],
    ["kernels[0].file", "kernel.so"],
    ["kernels[0].sha256", "g".repeat(64)],
    ["kernels[0].sha256", "0".repeat(63)],
    ["kernels[0].workgroupSize", 0],
    ["kernels[0].workgroupSize", 1025],
    ["kernels[0].ldsBytes", 65537],
    ["kernels[0].kernargBytes", 4097],
    ["kernels[0].resources.amdgpu.wavesPerSimd", 0],
    ["kernels[0].kernargs[0].type", "double"],
    ["kernels[0].kernargs[0].size", 4],
    ["kernels[0].kernargs[1].size", 8],
    ["kernels[0].kernargs[1].offset", 4],
    ["kernels[0].kernargs[1].offset", 10],
    ["kernels[0].kernargs[2].offset", 8],
    ["kernels[0].kernargBytes", 23],
    ["kernels[0].tile.rows", 0],
    ["kernels[0].serves.headSizes.oneOf[0]", 0],
    ["kernels[0].serves.blockSizes.multipleOf", 0],
    ["kernels[0].serves.blockSizes.above", 16],
    ["kernels[0].serves.features.sinks", "always"],
    ["kernels[0].verified", "guessed"],
  ])("refuses %s = %j", (name, value) => {
    const path = name.split(/[.[\]]+/).filter(Boolean);
    expect(() => parse(damaged(path, value))).toThrow(corrupt(literal(name)));
  });

  it("has every kernel once", () => {
    const kernels = [kernelRow(), kernelRow({ id: "other" }), kernelRow()];
    expect(() => parse(manifestOf({ kernels }))).toThrow(corrupt(literal("kernels[2].id"), "triton\\.copy"));
  });
});
