import type { InstructionClass } from "../../../device/emulator.js";
import { blocksOf, type HotGroup, type HotRow, hottest } from "../hottest.js";
import { count, pcText, percent } from "../words.js";
import {
  axisBeside,
  BOLD,
  box,
  COLOURS,
  fixed,
  group,
  INK,
  MARGIN,
  PALE,
  PLOT,
  SMALL,
  text,
  WIDTH,
} from "./marks.js";

const BARS = 150;
/** Room above the bars: for the numbers and for the shares of blocks. */
const MARKERS = 46;
const ROW = 17;
const LABELLED = 8;
/** More bars than that cannot be told apart: consecutive instructions share one. */
const MOST_BARS = 520;
/** Blocks with at least this share of the clocks are shaded. */
const LARGE_BLOCK = 0.1;
const MONOSPACE =
  'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="11.5" xml:space="preserve"';

interface Bar {
  busy: number;
  cls: InstructionClass;
}

/**
 * A launch's executed instructions in the order of their addresses: a bar is as high as the clocks for which the instruction
 * keeps its unit busy. Shaded are blocks that were executed equally often and have much of the clocks together. The heaviest
 * operations of a block are numbered, over the first of them, and listed below.
 */
export function strip(rows: readonly HotRow[], top: number): { svg: string; height: number } {
  const hot = hottest(rows, LABELLED);
  const bars = binned(rows);
  const highest = Math.max(...bars.map(({ busy }) => busy));
  const step = PLOT / bars.length;
  const base = top + MARKERS + BARS;
  const x = (bar: number) => MARGIN + bar * step;
  const barHeight = (busy: number) => (BARS * busy) / highest;
  const drawn = bars.map(({ busy, cls }, index) => {
    const height = barHeight(busy);
    return box({ x: x(index), y: base - height, width: Math.max(0.6, step * 0.9), height }, COLOURS[cls]);
  });
  const svg = group("strip", [
    ...blocks(rows, base),
    axisBeside({ x: MARGIN, y: base - BARS, width: PLOT, height: BARS }, highest, "busy clocks of all waves"),
    group("bars", drawn),
    `<path d="M${MARGIN} ${base + 0.5}H${WIDTH - MARGIN}" stroke="${INK}"/>`,
    addresses(rows, base),
    ...markers(hot, rows, {
      bars,
      x: (bar) => x(bar + 0.45),
      top: (bar) => base - barHeight(bars[bar]!.busy),
      y: base - BARS - MARKERS,
    }),
    group("operations", list(hot, base + 58)),
  ]);
  return { svg, height: MARKERS + BARS + 58 + hot.length * ROW };
}

function list(hot: readonly HotGroup[], y: number): string[] {
  return hot.map(({ share, operation, executed, rows, class: cls }, index) => {
    const line = y + index * ROW;
    const [from, to] = [pcText(rows[0]!.pc), pcText(rows.at(-1)!.pc)];
    const place = rows.length === 1 ? `at ${from}` : `from ${from} to ${to}`;
    const times = `${String(rows.length).padStart(4)} x ${count(executed).padStart(7)} times`;
    const words = `${operation.padEnd(34)} ${times}  ${place}`;
    return [
      box({ x: MARGIN, y: line - 10, width: 11, height: 11 }, COLOURS[cls]),
      text(MARGIN + 18, line, `${index + 1}`, BOLD),
      text(MARGIN + 84, line, percent(share), 'text-anchor="end"'),
      text(MARGIN + 98, line, words, MONOSPACE),
    ].join("");
  });
}

/** The shade of the large blocks, with their share and how often they were executed. */
function blocks(rows: readonly HotRow[], base: number): string[] {
  const top = base - BARS - 18;
  const x = (index: number) => MARGIN + (PLOT * index) / rows.length;
  return blocksOf(rows)
    .filter(({ share }) => share >= LARGE_BLOCK)
    .map(({ rows: members, share, executed }) => {
      const [from, to] = [x(rows.indexOf(members[0]!)), x(rows.indexOf(members.at(-1)!) + 1)];
      const words = `${(100 * share).toFixed(0)} %, ${count(executed)} times`;
      return (
        box({ x: from, y: top, width: to - from, height: BARS + 18 }, "#f6f3ea") +
        text((from + to) / 2, top - 4, words, `text-anchor="middle" ${SMALL} ${PALE}`)
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
      cls: members.reduce((most, row) => (row.busy > most.busy ? row : most)).class,
    };
  });
}

const binSize = (rows: readonly HotRow[]) => Math.ceil(rows.length / MOST_BARS);

/** Numbers above the groups' first bars, moved apart where they would touch, with a line down to the bar. */
function markers(
  hot: readonly HotGroup[],
  rows: readonly HotRow[],
  plot: {
    bars: readonly Bar[];
    x: (bar: number) => number;
    top: (bar: number) => number;
    y: number;
  },
): string[] {
  const size = binSize(rows);
  const places = hot
    .map((group, index) => ({ number: index + 1, bar: Math.floor(rows.indexOf(group.rows[0]!) / size) }))
    .sort((a, b) => a.bar - b.bar || a.number - b.number);
  const WIDE = 15;
  const at: number[] = [];
  for (const { bar } of places) at.push(Math.max(plot.x(bar), (at.at(-1) ?? 0) + WIDE));
  // Those pushed beyond the right edge move back, and what they meet with them.
  for (let index = at.length - 1, limit = WIDTH - MARGIN; index >= 0; index--, limit -= WIDE) {
    at[index] = Math.min(at[index]!, limit);
    limit = at[index]!;
  }
  return places.map(
    ({ number, bar }, index) =>
      `<path d="M${fixed(at[index]!)} ${plot.y + 14}L${fixed(plot.x(bar))} ${fixed(plot.top(bar) - 1)}" stroke="#999" stroke-width="0.7" fill="none"/>` +
      text(at[index]!, plot.y + 10, `${number}`, `text-anchor="middle" font-size="11" ${BOLD}`),
  );
}

/** Program counters below the strip: those of executed instructions, which need not lie evenly. */
function addresses(rows: readonly HotRow[], base: number): string {
  const COUNT = 8;
  const ticks = Array.from({ length: COUNT + 1 }, (_, tick) => {
    const row = rows[Math.min(rows.length - 1, Math.round((tick * rows.length) / COUNT))]!;
    const x = MARGIN + (PLOT * tick) / COUNT;
    return (
      `<path d="M${fixed(x)} ${base}v5" stroke="${INK}"/>` +
      text(x, base + 17, pcText(row.pc), `text-anchor="middle" ${SMALL} ${PALE}`)
    );
  });
  const unit = "bytes from the kernel's entry; instructions that ran, in order";
  return group("axis", [
    ...ticks,
    text(MARGIN + PLOT / 2, base + 31, unit, `text-anchor="middle" ${SMALL} ${PALE}`),
  ]);
}
