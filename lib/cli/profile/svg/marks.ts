import type { InstructionClass } from "../../../device/emulator.js";

/** The drawing's width, and the margins beside all plots, in pixels. */
export const WIDTH = 1120;
export const MARGIN = 64;
export const PLOT = WIDTH - 2 * MARGIN;

export const COLOURS: Readonly<Record<InstructionClass, string>> = {
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
/** Classes whose colour takes white letters. */
const DARK: readonly string[] = [
  COLOURS.matrix,
  COLOURS.vector,
  COLOURS.lds,
  COLOURS.vectorMemory,
  COLOURS.branch,
  COLOURS.barrier,
];
export const INK = "#222";
export const PALE = 'fill="#555"';
export const BOLD = 'font-weight="bold"';
export const SMALL = 'font-size="10.5"';

/** The size of a letter of small text, on average. */
const LETTER = 6.4;

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** A filled box; `tip` shows when the mouse rests on it. */
export function box({ x, y, width, height }: Box, fill: string, tip?: string): string {
  const place = `x="${fixed(x)}" y="${fixed(y)}" width="${fixed(width)}" height="${fixed(height)}"`;
  const title = tip === undefined ? "" : `<title>${escaped(tip)}</title>`;
  return `<rect ${place} fill="${fill}">${title}</rect>`;
}

/** A box with the first of the labels that fits into it. */
export function labelled(area: Box, fill: string, labels: readonly string[], tip: string): string {
  const words = labels.find(({ length }) => length * LETTER + 4 <= area.width);
  const colour = DARK.includes(fill) ? ' fill="#fff"' : "";
  const attributes = `text-anchor="middle" pointer-events="none" ${SMALL}${colour}`;
  const [x, y] = [area.x + area.width / 2, area.y + area.height / 2 + 4];
  return box(area, fill, tip) + (words === undefined ? "" : text(x, y, words, attributes));
}

export function text(x: number, y: number, words: string, attributes = ""): string {
  return `<text x="${fixed(x)}" y="${fixed(y)}" ${attributes}>${escaped(words)}</text>`;
}

/** Elements that belong together, named for whoever reads or styles the drawing. */
export function group(name: string, parts: readonly string[], attributes = ""): string {
  return `<g class="${name}" ${attributes}>${parts.join("\n")}</g>`;
}

/** An axis below a plot, from 0 to `most`, with its unit. */
export function axisBelow({ x, y, width }: Omit<Box, "height">, most: number, unit: string): string {
  const ticks = ticksTo(most).map((value) => {
    const at = x + (width * value) / most;
    return (
      `<path d="M${fixed(at)} ${fixed(y)}v5" stroke="${INK}"/>` +
      text(at, y + 17, value.toLocaleString("en-US"), `text-anchor="middle" ${SMALL} ${PALE}`)
    );
  });
  const line = `<path d="M${fixed(x)} ${fixed(y)}h${fixed(width)}" stroke="${INK}"/>`;
  return group("axis", [
    line,
    ...ticks,
    text(x + width / 2, y + 31, unit, `text-anchor="middle" ${SMALL} ${PALE}`),
  ]);
}

/** An axis to the left of a plot, from 0 at its foot to `most`, with a faint line at each tick. */
export function axisBeside({ x, y, width, height }: Box, most: number, unit: string): string {
  const ticks = ticksTo(most, 4).map((value) => {
    const at = fixed(y + height - (height * value) / most);
    return (
      `<path d="M${fixed(x)} ${at}h${fixed(width)}" stroke="#e4e4e4"/>` +
      text(x - 5, Number(at) + 4, value.toLocaleString("en-US"), `text-anchor="end" ${SMALL} ${PALE}`)
    );
  });
  const middle = fixed(y + height / 2);
  const turned = `transform="rotate(-90 14 ${middle})" text-anchor="middle" ${SMALL} ${PALE}`;
  return group("axis", [...ticks, text(14, Number(middle), unit, turned)]);
}

/** Round numbers from 0 to at most `most`, about `count` of them. */
export function ticksTo(most: number, count = 8): number[] {
  if (!(most > 0)) return [0];
  const rough = most / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough)!;
  // Products of steps, so that no error adds up, and without its last binary digits.
  return Array.from({ length: Math.floor(most / step + 1e-9) + 1 }, (_, index) =>
    Number((index * step).toPrecision(12)),
  );
}

export const fixed = (value: number): string => String(Math.round(100 * value) / 100);

function escaped(words: string): string {
  return words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
