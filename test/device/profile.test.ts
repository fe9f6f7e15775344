import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MODEL_UNITS } from "../../lib/catalog/performance-model.js";
import { blocksOf, hottest, weighed } from "../../lib/cli/profile/hottest.js";
import type { ProfileReport } from "../../lib/cli/profile/report.js";
import { COLOURS } from "../../lib/cli/profile/svg/marks.js";
import { className, pcText, UNIT_NAMES } from "../../lib/cli/profile/words.js";
import { onGpu } from "../support/device.js";
import { runNode } from "../support/node.js";
import { byClass, parseXml, texts, type XmlElement } from "../support/xml.js";

const main = new URL("../../dist/cli/main.js", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "profile-"));
afterAll(() => rmSync(folder, { recursive: true }));

function profile(...options: string[]) {
  return runNode([main, "profile", ...options], {
    maxBuffer: 2 ** 26,
  });
}

/** The sum of the widths of a group's boxes. */
const widths = (boxes: readonly XmlElement[]) =>
  boxes.reduce((sum, { attributes }) => sum + Number(attributes.width), 0);

const reports = new Map<string, ProfileReport>();

/** The report of an example, which is run once and drawn too. */
function reportOf(example: string): ProfileReport {
  const known = reports.get(example);
  if (known !== undefined) return known;
  const { status, stdout, stderr } = profile(example, "--json", "--svg", join(folder, `${example}.svg`));
  expect([status, stderr]).toEqual([0, ""]);
  const report: ProfileReport = JSON.parse(stdout);
  reports.set(example, report);
  return report;
}

describe.skipIf(onGpu)("the drawing of a profile", () => {
  const file = join(folder, "mixed.svg");
  let report: ProfileReport;
  let drawing: XmlElement;
  beforeAll(() => {
    report = reportOf("mixed");
    drawing = parseXml(readFileSync(file, "utf8"));
  });

  it("is well-formed, of finite numbers, and inside its frame", () => {
    const { width, height } = drawing.attributes;
    expect(drawing.attributes.viewBox).toBe(`0 0 ${width} ${height}`);
    expect(readFileSync(file, "utf8")).not.toMatch(/NaN|Infinity|undefined|="-/);
    for (const { attributes } of drawing.all("rect")) {
      expect(Number(attributes.x) + Number(attributes.width)).toBeLessThanOrEqual(Number(width));
    }
  });

  it("says in a legend what each colour means that it uses", () => {
    const [legend] = byClass(drawing, "legend");
    const meanings = legend!
      .all("rect")
      .map(({ attributes }, index) => [texts(legend!)[index], attributes.fill]);
    const used = report.launches.flatMap(({ profile }) => profile!.map((row) => row.class));
    const expected = [...new Set(used)].map((name) => [className(name), COLOURS[name]]);
    expect(Object.fromEntries(meanings)).toEqual(Object.fromEntries(expected));
  });

  it("has an axis with a unit and rising numbers below or beside each plot", () => {
    const axes = byClass(drawing, "axis");
    expect(axes).toHaveLength(1 + 5 * report.launches.length);
    const units = axes.map((axis) => texts(axis).at(-1)!);
    expect(units[0]).toContain("us of the model");
    for (const unit of ["us that a unit is busy", "%", "compute units", "busy clocks", "bytes"]) {
      expect(units.filter((text) => text.includes(unit))).toHaveLength(report.launches.length);
    }
    for (const axis of axes) {
      const numbers = texts(axis)
        .slice(0, -1)
        .map((text) => Number(text.replaceAll(",", "")));
      expect(numbers.length).toBeGreaterThan(1);
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    }
  });

  it("divides the step's time by launches, and these by what they execute", () => {
    const [flame] = byClass(drawing, "flame");
    const boxes = flame!.all("rect");
    const tops = [...new Set(boxes.map(({ attributes }) => attributes.y))];
    const [launches, blocks, operations] = tops.map((y) =>
      boxes.filter(({ attributes }) => attributes.y === y),
    );
    const total = report.launches.reduce((sum, { model }) => sum + model.total, 0);
    expect(launches).toHaveLength(2 * report.launches.length);
    const scale = widths(launches!) / total;
    for (const [index, { model, kernel }] of report.launches.entries()) {
      const [launching, running] = launches!.slice(2 * index) as [XmlElement, XmlElement];
      expect(widths([launching, running])).toBeCloseTo(model.total * scale, 0);
      expect(running.title).toContain(kernel);
    }
    // Slivers are left out.
    const running = launches!.filter((_, index) => index % 2 === 1);
    for (const row of [blocks!, operations!]) {
      expect(widths(row)).toBeGreaterThan(0.8 * widths(running));
      expect(widths(row)).toBeLessThanOrEqual(1.001 * widths(running));
    }
  });

  it("sums each launch up by class and by unit", () => {
    const panels = byClass(drawing, "launch");
    expect(panels).toHaveLength(report.launches.length);
    for (const [index, launch] of report.launches.entries()) {
      const [executed] = byClass(panels[index]!, "instructions");
      const boxes = executed!.all("rect");
      const total = Object.values(launch.instructions).reduce((sum, count) => sum + count);
      for (const [name, count] of Object.entries(launch.instructions).filter(([, count]) => count > 0)) {
        const box = boxes.find(({ attributes }) => attributes.fill === COLOURS[name as keyof typeof COLOURS]);
        expect(widths([box!]) / widths(boxes)).toBeCloseTo(count / total, 3);
      }
      const [units] = byClass(panels[index]!, "units");
      const bars = units!.all("rect");
      for (const [at, unit] of MODEL_UNITS.entries()) {
        const share = launch.model.microseconds[unit] / launch.model.microseconds[launch.model.bound];
        const longest = bars[MODEL_UNITS.indexOf(launch.model.bound)]!;
        expect(widths([bars[at]!])).toBeCloseTo(share * widths([longest]), 1);
        expect(bars[at]!.title).toContain(UNIT_NAMES[unit]);
      }
    }
  });

  it("lists the operations of a block together, once each", () => {
    for (const [index, panel] of byClass(drawing, "launch").entries()) {
      const [list] = byClass(panel, "operations");
      const lines = texts(list!).filter((_, at) => at % 3 === 2);
      const rows = weighed(report.launches[index]!);
      expect(lines.map((line) => line.split(" ")[0])).toEqual(
        hottest(rows, 8).map(({ operation }) => operation),
      );
      for (const [at, { rows: members, operation, executed }] of hottest(rows, 8).entries()) {
        const block = blocksOf(rows).find(({ rows }) => rows.includes(members[0]!))!;
        const same = block.rows.filter(({ text }) => text.split(" ")[0] === operation);
        expect(members).toEqual(same);
        expect(lines[at]).toMatch(
          new RegExp(` ${same.length} x +${executed.toLocaleString("en-US")} times `),
        );
        expect(lines[at]).toContain(pcText(members[0]!.pc));
      }
    }
  });
});

describe.skipIf(onGpu)("rocm-attention profile", () => {
  it.each(["decode", "mixed"])("counts the kernels of %s", (example) => {
    const report = reportOf(example);
    expect(report).toMatchObject({ example, backend: "TRITON_ATTN", device: { arch: "gfx942" } });
    const [write, attention] = report.launches;
    expect(write!.kernel).toContain("reshape_and_cache");
    // Keys and values, 2 heads of 128 elements in bfloat16, are read and written once.
    const tokens = example === "decode" ? 4 : 64 + 3;
    expect(write!.memory!.bytesWritten).toBe(tokens * 2 * 2 * 128 * 2);
    expect(write!.clocks.matrix).toBe(0);
    expect(attention!.clocks.matrix).toBeGreaterThan(0);
    for (const { profile, instructions } of report.launches) {
      const total = profile!.reduce((sum, { executed }) => sum + executed, 0);
      expect(total).toBe(Object.values(instructions).reduce((sum, count) => sum + count));
    }
  });

  it("reads each key and value of a decode once, by the XCD that its group belongs to", () => {
    const report = reportOf("decode");
    const attention = report.launches[1]!;
    const lines = (4 * 601 * 2 * 2 * 128 * 2) / 128;
    expect(attention.memory!.linesRead).toBeGreaterThanOrEqual(lines);
    expect(attention.memory!.linesRead).toBeLessThan(1.02 * lines);
  });

  it("compares what launches leave under other schedules", () => {
    const { status, stdout, stderr } = profile("mixed", "--schedules");
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^mixed, under 14 orders of waves and delays of memory:\n {2}\S+: the same\n/);
    expect(stdout).not.toContain("differs");
    expect(status).toBe(0);
    expect(profile("mixed", "--schedules", "--svg", "x.svg").stderr).toContain("cannot be used with");
  });

  it("prints a report", () => {
    const { status, stdout, stderr } = profile("prefill", "--arch", "gfx950");
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^prefill: one sequence of 256 new tokens/);
    expect(stdout).toMatch(/model, not a measurement:\n +matrix units +[#.]{30} \d+\.\d\d us/);
    expect(stdout).toMatch(
      /hottest operations in a block:\n +from +to +share +executed +instructions +operation\n +\+0x/,
    );
  });
});
