import type { InstructionClass } from "../../device/emulator.js";
import { blocksOf, type HotRow, hottest, pcText, weighed } from "./hottest.js";
import type { ProfileReport } from "./report.js";

const WIDTH = 1120;
const MARGIN = 40;
const PLOT = WIDTH - 2 * MARGIN;
const BARS = 150;
/** Room above the bars: for the numbers and for the shares of blocks. */
const MARKERS = 46;
const ROW = 17;
const LABELLED = 8;
/** More bars than that cannot be told apart: consecutive instructions share one. */
const MOST_BARS = 520;
/** Blocks with at least this share of the clocks are shaded. */
const LARGE_BLOCK = 0.1;

const COLOURS: Record<InstructionClass, string> = {
  matrix: "#c8372d",
  transcendental: "#e6912e",
  vector: "#3b76af",
  lds: "#4a9a52",
  vectorMemory: "#8a5bb0",
  scalarMemory: "#c78fd0",
  scalar: "#8d8d8d",
  branch: "#5f5f5f",
  barrier: "#222222",
  wait: "#b9b29a",
  other: "#d0d0d0",
};

/**
 * Draws each launch as a strip over its executed instructions in the order of their addresses: a bar is as high as the
 * clocks for which the instruction keeps its unit busy, the heaviest are numbered and listed below. Shaded are blocks that
 * were executed equally often and have much of the clocks together.
 */
export function profileSvg(report: ProfileReport): string {
  const panels: string[] = [];
  let y = 92;
  for (const [index, launch] of report.launches.entries()) {
    const { svg, height } = panel(launch, index + 1);
    panels.push(`<g transform="translate(0 ${y})">${svg}</g>`);
    y += height;
  }
  const { example, description, backend, device } = report;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}" font-family="DejaVu Sans, Helvetica, Arial, sans-serif" font-size="12" fill="#222">
<rect width="${WIDTH}" height="${y}" fill="#fff"/>
${text(MARGIN, 28, `${example} by ${backend} on an emulated ${device.arch}`, 'font-size="17" font-weight="bold"')}
${text(MARGIN, 47, description)}
${legend(report, 72)}
${panels.join("\n")}
</svg>
`;
}

type Launch = ProfileReport["launches"][number];

function panel(launch: Launch, number: number): { svg: string; height: number } {
  const rows = weighed(launch);
  const hot = hottest(rows, LABELLED);
  const bars = binned(rows);
  const highest = Math.max(...bars.map(({ busy }) => busy));
  const step = PLOT / bars.length;
  const base = 48 + MARKERS + BARS;
  const x = (bar: number) => MARGIN + bar * step;
  const barHeight = (busy: number) => (BARS * busy) / highest;
  const drawn = bars.map(
    ({ busy, cls }, index) =>
      `<rect x="${fixed(x(index))}" y="${fixed(base - barHeight(busy))}" width="${fixed(Math.max(0.6, step * 0.9))}" height="${fixed(barHeight(busy))}" fill="${COLOURS[cls]}"/>`,
  );
  const { model } = launch;
  const [binding, total] = [model.microseconds[model.bound].toFixed(2), model.total.toFixed(2)];
  const list = hot.map(({ share, pc, text: words, class: cls }, index) => {
    const line = base + 44 + index * ROW;
    return [
      `<rect x="${MARGIN}" y="${line - 10}" width="11" height="11" fill="${COLOURS[cls]}"/>`,
      text(MARGIN + 18, line, `${index + 1}`, 'font-weight="bold"'),
      text(MARGIN + 84, line, `${(100 * share).toFixed(1)} %`, 'text-anchor="end"'),
      text(MARGIN + 98, line, `${pcText(pc)}  ${words}`, MONOSPACE),
    ].join("");
  });
  const svg = [
    text(MARGIN, 14, `${number}. ${launch.kernel}`, 'font-size="14" font-weight="bold"'),
    text(
      MARGIN,
      33,
      `${launch.grid.join(" x ")} workgroups, ${launch.wavesPerSimd} waves per SIMD. Model, not a measurement: at least ${total} us, limit ${model.bound} ${binding} us`,
      'fill="#555"',
    ),
    ...blocks(rows, base),
    ...drawn,
    `<path d="M${MARGIN} ${base + 0.5}H${WIDTH - MARGIN}" stroke="#222"/>`,
    ...ticks(rows, base),
    ...markers(
      hot,
      rows,
      bars.length,
      (bar) => x(bar + 0.45),
      (bar) => base - barHeight(bars[bar]!.busy),
    ),
    ...list,
  ].join("\n");
  return { svg, height: base + 44 + hot.length * ROW + 26 };
}

const MONOSPACE =
  'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="11.5" xml:space="preserve"';

interface Bar {
  busy: number;
  cls: InstructionClass;
}

/** The shade of the large blocks, with their share and how often they were executed. */
function blocks(rows: readonly HotRow[], base: number): string[] {
  const top = base - BARS - 18;
  const x = (index: number) => MARGIN + (PLOT * index) / rows.length;
  return blocksOf(rows)
    .filter(({ share }) => share >= LARGE_BLOCK)
    .map(({ rows: members, share, executed }) => {
      const [from, to] = [x(rows.indexOf(members[0]!)), x(rows.indexOf(members.at(-1)!) + 1)];
      const words = `${(100 * share).toFixed(0)} %, ${executed} times`;
      return (
        `<rect x="${fixed(from)}" y="${top}" width="${fixed(to - from)}" height="${BARS + 18}" fill="#f1eee4" stroke="#fff"/>` +
        text((from + to) / 2, top + 12, words, 'text-anchor="middle" font-size="10.5" fill="#555"')
      );
    });
}

/** One bar for each instruction, or for a few consecutive ones; it has the colour of the heaviest. */
function binned(rows: readonly HotRow[]): Bar[] {
  const size = binSize(rows);
  return Array.from({ length: Math.ceil(rows.length / size) }, (_, index) => {
    const members = rows.slice(index * size, (index + 1) * size);
    return {
      busy: members.reduce((sum, { busy }) => sum + busy, 0),
      cls: hottest(members, 1)[0]!.class,
    };
  });
}

const binSize = (rows: readonly HotRow[]) => Math.ceil(rows.length / MOST_BARS);

/** Numbers above the heaviest bars, moved apart where they would touch, with a line down to the bar. */
function markers(
  hot: readonly HotRow[],
  rows: readonly HotRow[],
  barCount: number,
  x: (bar: number) => number,
  top: (bar: number) => number,
): string[] {
  const size = binSize(rows);
  const places = hot
    .map((row, index) => ({
      number: index + 1,
      bar: Math.min(barCount - 1, Math.floor(rows.indexOf(row) / size)),
    }))
    .sort((a, b) => a.bar - b.bar || a.number - b.number);
  const WIDE = 15;
  const at: number[] = [];
  for (const { bar } of places) at.push(Math.max(x(bar), (at.at(-1) ?? 0) + WIDE));
  // Those pushed beyond the right edge move back, and what they meet with them.
  for (let index = at.length - 1, limit = WIDTH - MARGIN; index >= 0; index--, limit -= WIDE) {
    at[index] = Math.min(at[index]!, limit);
    limit = at[index]!;
  }
  return places.map(
    ({ number, bar }, index) =>
      `<path d="M${fixed(at[index]!)} 62L${fixed(x(bar))} ${fixed(top(bar) - 1)}" stroke="#999" stroke-width="0.7" fill="none"/>` +
      text(at[index]!, 58, `${number}`, 'text-anchor="middle" font-weight="bold" font-size="11"'),
  );
}

/** Program counters below the strip. */
function ticks(rows: readonly HotRow[], base: number): string[] {
  const COUNT = 8;
  return Array.from({ length: COUNT + 1 }, (_, tick) => {
    const row = rows[Math.min(rows.length - 1, Math.round((tick * rows.length) / COUNT))]!;
    const x = MARGIN + (PLOT * tick) / COUNT;
    const anchor = tick === 0 ? "start" : tick === COUNT ? "end" : "middle";
    return (
      `<path d="M${fixed(x)} ${base}v5" stroke="#222"/>` +
      text(x, base + 18, pcText(row.pc), `text-anchor="${anchor}" font-size="10.5" fill="#555"`)
    );
  });
}

/** The classes that occur. */
function legend({ launches }: ProfileReport, y: number): string {
  const names = (Object.keys(COLOURS) as InstructionClass[]).filter((name) =>
    launches.some(({ instructions }) => instructions[name] > 0),
  );
  let x = MARGIN;
  return names
    .map((name) => {
      const words = name === "lds" ? "LDS" : name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
      const entry = `<rect x="${x}" y="${y - 10}" width="11" height="11" fill="${COLOURS[name]}"/>${text(x + 16, y, words)}`;
      x += 34 + 7 * words.length;
      return entry;
    })
    .join("");
}

function text(x: number, y: number, words: string, attributes = ""): string {
  const escaped = words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return `<text x="${fixed(x)}" y="${fixed(y)}" ${attributes}>${escaped}</text>`;
}

const fixed = (value: number) => String(Math.round(100 * value) / 100);
