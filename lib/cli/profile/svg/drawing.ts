import { INSTRUCTION_CLASSES } from "../../../device/emulator.js";
import { weighed } from "../hottest.js";
import { type ProfileReport, wavesPerSimd } from "../report.js";
import { className, count, micro, UNIT_NAMES } from "../words.js";
import { FLAME_HEIGHT, flame } from "./flame.js";
import { LIMITS_HEIGHT, summary, units } from "./limits.js";
import { BOLD, box, COLOURS, group, INK, MARGIN, PALE, text, WIDTH } from "./marks.js";
import { strip } from "./strip.js";

const HEADER = 108;
const TITLE = 50;
const GAP = 30;

/** Draws a step: all of it along the model's time, then each launch with what binds it and where its clocks go. */
export function profileSvg(report: ProfileReport): string {
  const { example, description, backend, device } = report;
  const panels: string[] = [];
  let y = HEADER + FLAME_HEIGHT + GAP;
  for (const [index, launch] of report.launches.entries()) {
    const { svg, height } = panel(launch, index + 1, device.computeUnits);
    panels.push(group("launch", [svg], `transform="translate(0 ${y})"`));
    y += height;
  }
  const total = report.launches.reduce((sum, { model }) => sum + model.total, 0);
  const title = `${example} by ${backend} on an emulated ${device.arch}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}" font-family="DejaVu Sans, Helvetica, Arial, sans-serif" font-size="12" fill="${INK}">
${box({ x: 0, y: 0, width: WIDTH, height: y }, "#fff")}
${text(MARGIN, 28, title, `font-size="17" ${BOLD}`)}
${text(MARGIN, 47, `${description}. At least ${micro(total)} by the model.`)}
${legend(report, 76)}
${flame(report, HEADER)}
${panels.join("\n")}
</svg>
`;
}

function panel(
  launch: ProfileReport["launches"][number],
  number: number,
  computeUnits: number,
): { svg: string; height: number } {
  const rows = weighed(launch);
  const { total, bound, microseconds } = launch.model;
  const facts = [
    `${launch.grid.join(" x ")} workgroups`,
    `${count(launch.waves)} waves`,
    wavesPerSimd(launch),
    `at least ${micro(total)}, of it ${micro(microseconds[bound])} by ${UNIT_NAMES[bound]}`,
  ].join(", ");
  const below = strip(rows, TITLE + LIMITS_HEIGHT);
  const svg = [
    text(MARGIN, 14, `${number}. ${launch.kernel}`, `font-size="14" ${BOLD}`),
    text(MARGIN, 33, facts, PALE),
    units(launch, TITLE),
    summary(launch, rows, computeUnits, TITLE),
    below.svg,
  ].join("\n");
  return { svg, height: TITLE + LIMITS_HEIGHT + below.height + GAP };
}

/** The classes that occur. */
function legend({ launches }: ProfileReport, y: number): string {
  let x = MARGIN;
  const entries = INSTRUCTION_CLASSES.filter((name) =>
    launches.some(({ instructions }) => instructions[name] > 0),
  ).map((name) => {
    const words = className(name);
    const entry = box({ x, y: y - 10, width: 11, height: 11 }, COLOURS[name]) + text(x + 16, y, words);
    x += 34 + 7 * words.length;
    return entry;
  });
  return group("legend", entries);
}
