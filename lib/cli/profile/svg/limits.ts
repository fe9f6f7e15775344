import { MODEL_UNITS } from "../../../catalog/performance-model.js";
import { INSTRUCTION_CLASSES, type InstructionClass } from "../../../device/emulator.js";
import type { HotRow } from "../hottest.js";
import type { ProfileReport } from "../report.js";
import { className, count, micro, percent, UNIT_NAMES } from "../words.js";
import { axisBelow, BOLD, box, COLOURS, group, labelled, MARGIN, PALE, PLOT, SMALL, text } from "./marks.js";

type Launch = ProfileReport["launches"][number];

const NAMES = 104;
const GAP = 40;
const ROW = 15;
const BAR = 11;
const AXIS = 40;
const SUMMARY = 20;
/** Half of the plot each: what binds the launch, and what it executes. */
const HALF = (PLOT - GAP) / 2;

export const LIMITS_HEIGHT = MODEL_UNITS.length * ROW + AXIS;

/** How long each unit is busy by the model, the longest in bold. */
export function units({ model: { microseconds, bound } }: Launch, y: number): string {
  const x = MARGIN + NAMES;
  const width = HALF - NAMES;
  const most = microseconds[bound];
  const bars = MODEL_UNITS.flatMap((unit, index) => {
    const top = y + index * ROW;
    const time = microseconds[unit];
    const words = unit === bound ? `${UNIT_NAMES[unit]}, the limit` : UNIT_NAMES[unit];
    const area = { x, y: top, width: (width * time) / most, height: BAR };
    return [
      text(x - 6, top + 10, UNIT_NAMES[unit], `text-anchor="end" ${SMALL} ${unit === bound ? BOLD : PALE}`),
      box(area, unit === bound ? "#8c6d31" : "#c9bfa5", `${words}: ${micro(time)}`),
    ];
  });
  const axis = axisBelow({ x, y: y + MODEL_UNITS.length * ROW, width }, most, "us that a unit is busy");
  return group("units", [...bars, axis]);
}

/** What was executed by class, what of the clocks that took, and how much of the GPU has work. */
export function summary(launch: Launch, rows: readonly HotRow[], computeUnits: number, y: number): string {
  const x = MARGIN + HALF + GAP + NAMES;
  const width = HALF - NAMES;
  const busy = new Map<InstructionClass, number>();
  for (const row of rows) busy.set(row.class, (busy.get(row.class) ?? 0) + row.busy);
  const executed = new Map(INSTRUCTION_CLASSES.map((name) => [name, launch.instructions[name]] as const));
  const shares: [string, ReadonlyMap<InstructionClass, number>][] = [
    ["instructions", executed],
    ["busy clocks", busy],
  ];
  const bars = shares.map(([title, counts], index) =>
    group(title.replace(" ", "-"), [
      text(x - 6, y + index * SUMMARY + 12, title, `text-anchor="end" ${SMALL} ${PALE}`),
      ...divided(counts, { x, y: y + index * SUMMARY, width }),
    ]),
  );
  const { busyComputeUnits, busyXcds } = launch.model;
  const top = y + 2 * SUMMARY + AXIS + 8;
  const atWork = `${count(busyComputeUnits)} of ${count(computeUnits)} on ${busyXcds} XCD${busyXcds === 1 ? "" : "s"}`;
  const place = { x, y: top, height: SUMMARY - 4 };
  return group("summary", [
    ...bars,
    axisBelow({ x, y: y + 2 * SUMMARY, width }, 100, "% of all waves together, by class"),
    text(x - 6, top + 12, "at work", `text-anchor="end" ${SMALL} ${PALE}`),
    box({ ...place, width }, "#eee", atWork),
    box({ ...place, width: (width * busyComputeUnits) / computeUnits }, "#c9bfa5", atWork),
    axisBelow({ x, y: top + SUMMARY, width }, computeUnits, `compute units: ${atWork}`),
  ]);
}

/** A bar that is divided by class, the largest first. */
function divided(
  counts: ReadonlyMap<InstructionClass, number>,
  { x, y, width }: { x: number; y: number; width: number },
): string[] {
  const total = [...counts.values()].reduce((sum, value) => sum + value, 0);
  let left = x;
  return [...counts]
    .filter(([, value]) => value > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([name, value]) => {
      const area = { x: left, y, width: (width * value) / total, height: SUMMARY - 4 };
      left += area.width;
      const share = percent(value / total);
      return labelled(area, COLOURS[name], [share], `${className(name)}: ${count(value)}, ${share}`);
    });
}
