import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const native = fileURLToPath(new URL("../../native", import.meta.url));

/** The emulator's rooms from the ground up: a file includes its own room and those on the floors below. */
const floors = [
  ["isa", "memory"],
  ["wave", "code_object"],
  ["execute"],
  ["decode"],
  ["launch"],
  ["counting"],
  ["runtime"],
  ["tools"],
];

/** The HIP function table, which the addon shares with those who stand in for HIP. */
const outside = { file: "hip/functions.h", includedBy: ["runtime", "tools"] };

interface Include {
  from: string;
  to: string;
}

function includesOf(folder: string): Include[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(h|cc)$/.test(name))
    .flatMap((name) => {
      const from = relative(native, join(folder, name));
      const source = readFileSync(join(folder, name), "utf8");
      return [...source.matchAll(/^\s*#\s*include\s+"([^"]+)"/gm)].map(([, to]) => ({
        from,
        to: to as string,
      }));
    });
}

const includes = includesOf(join(native, "emulator")).map(({ from, to }) => ({
  from: relative("emulator", from),
  to,
}));

const roomOf = (file: string) => file.split("/")[0] as string;
const floorOf = (room: string) => floors.findIndex((rooms) => rooms.includes(room));

function isDownward({ from, to }: Include): boolean {
  if (to === outside.file) return outside.includedBy.includes(roomOf(from));
  if (floorOf(roomOf(to)) < 0) return false;
  return roomOf(from) === roomOf(to) || floorOf(roomOf(to)) < floorOf(roomOf(from));
}

test("every source of the emulator lies in a room", () => {
  const folders = new Set(includes.map(({ from }) => roomOf(from)));
  expect([...folders].sort()).toEqual(floors.flat().sort());
  expect(includes.length).toBeGreaterThan(200);
});

test("includes point down, from tools to isa and memory", () => {
  expect(includes.filter((include) => !isDownward(include))).toEqual([]);
});

test("no two files include each other, by whatever way round", () => {
  const below = new Map<string, string[]>();
  for (const { from, to } of includes) below.set(from, [...(below.get(from) ?? []), to]);
  const path: string[] = [];
  const done = new Set<string>();
  const circles: string[][] = [];
  const visit = (file: string) => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file]);
    if (done.has(file) || path.includes(file)) return;
    path.push(file);
    for (const next of below.get(file) ?? []) visit(next);
    path.pop();
    done.add(file);
  };
  for (const file of below.keys()) visit(file);
  expect(circles).toEqual([]);
});
