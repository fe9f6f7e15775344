import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const lib = fileURLToPath(new URL("../../../lib", import.meta.url));

/** The rooms of lib from the lowest up: a room imports from rooms below it, and from its own. */
const FLOORS: readonly (readonly string[])[] = [
  ["errors", "package"],
  ["arguments", "dtype", "log"],
  ["float8", "metrics", "flex"],
  ["config", "floats"],
  ["catalog"],
  ["native"],
  ["device"],
  ["kernels"],
  ["kv-cache"],
  ["batch"],
  ["selection", "ops"],
  ["backends"],
  ["attention"],
  ["index"],
  ["cli"],
];

/** Rooms and files that know no device: they import each other and the ground alone. */
const PURE = [
  "errors",
  "arguments",
  "dtype",
  "log",
  "float8",
  "floats",
  "metrics",
  "config",
  "catalog",
  "flex",
  "selection",
];
const PURE_FILES = ["kv-cache/layouts.ts"];

const sources = readdirSync(lib, { recursive: true, encoding: "utf8" }).filter((name) =>
  name.endsWith(".ts"),
);

/** Every import of a file of lib by another, type imports too. */
const imports = sources.flatMap((from) => {
  const text = readFileSync(join(lib, from), "utf8");
  return [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*"(\.[^"]+)"/g)].map(([, specifier]) => ({
    from,
    to: normalize(join(dirname(from), specifier!)).replace(/\.js$/, ".ts"),
  }));
});

/** "device" of "device/stream.ts"; of a file beside the rooms its own name. */
function roomOf(file: string): string {
  const [room, rest] = file.split("/");
  if (rest !== undefined) return room!;
  return room!.startsWith("native") ? "native" : room!.replace(/\.ts$/, "");
}

function floorOf(file: string): number {
  return FLOORS.findIndex((rooms) => rooms.includes(roomOf(file)));
}

function shown({ from, to }: { from: string; to: string }): string {
  return `${from} -> ${to}`;
}

function isPure(file: string): boolean {
  return PURE.includes(roomOf(file)) || PURE_FILES.includes(file);
}

function isDown({ from, to }: { from: string; to: string }): boolean {
  if (roomOf(from) === "backends" && roomOf(to) === "backends") {
    return from === "backends/index.ts" || to === "backends/backend.ts";
  }
  if (isPure(from) && !isPure(to)) return false;
  return roomOf(from) === roomOf(to) || floorOf(to) < floorOf(from);
}

/** The groups of files of which each reaches every other by imports (Tarjan's strongly connected components). */
function circles(): string[] {
  const next = new Map(sources.map((file) => [file, imports.filter(({ from }) => from === file)]));
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const open: string[] = [];
  const found: string[] = [];
  const visit = (file: string): void => {
    order.set(file, order.size);
    lowest.set(file, order.get(file)!);
    open.push(file);
    for (const { to } of next.get(file) ?? []) {
      if (!order.has(to)) visit(to);
      if (open.includes(to)) lowest.set(file, Math.min(lowest.get(file)!, lowest.get(to)!));
    }
    if (lowest.get(file) !== order.get(file)) return;
    const members = open.splice(open.indexOf(file));
    if (members.length > 1) found.push(members.sort().join(", "));
  };
  for (const file of sources) if (!order.has(file)) visit(file);
  return found;
}

describe("the imports of lib", () => {
  it("are read", () => {
    expect(imports.length).toBeGreaterThan(sources.length);
    const unknown = imports.filter(({ to }) => !to.endsWith(".json") && !sources.includes(to));
    expect(unknown.map(shown)).toEqual([]);
  });

  it("name rooms that have a floor", () => {
    expect(sources.filter((file) => floorOf(file) < 0)).toEqual([]);
  });

  it("point down, and no backend imports another", () => {
    const against = imports.filter((one) => !isDown(one));
    expect(against.map(shown)).toEqual([]);
  });

  it("go in no circle", () => {
    expect(circles()).toEqual([]);
  });
});
