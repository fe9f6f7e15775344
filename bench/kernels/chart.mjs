// Draws modelled time over the least time, by kernel and shape: a panel for each phase and cache, in it a group of bars for
// each shape, a bar for each kernel that serves it.

const COLOURS = [
  ...["#c8372d", "#3b76af", "#8fb8d9", "#e6912e", "#6b9e4b", "#8a5bb0", "#4d4d4d"],
  ...["#a6761d", "#1b9e9e", "#d98cb3", "#7f7f2a", "#5f9ea0", "#b0b0b0"],
  ...["#2b4c7e", "#b5651d", "#5d8c3a"],
];
const [WIDTH, LEFT, RIGHT, PLOT, LEGEND, PANEL] = [1180, 64, 20, 150, 88, 262];
const LINE = 16;
/** Ratios are drawn on a logarithmic scale from 1 up to here. */
const MOST = 32;

/** @returns the SVG for results as `npm run bench:kernels -- --json` prints them. */
export function chart(results) {
  const names = [...new Set(results.flatMap(({ kernels }) => kernels.filter(ran).map(({ name }) => name)))];
  const panels = new Map();
  for (const shape of results) {
    const title = `${shape.isLatent ? "latent " : ""}${shape.phase}, ${shape.cache === "fp8" ? "fp8" : "bfloat16"} cache`;
    panels.set(title, [...(panels.get(title) ?? []), shape]);
  }
  const entries = legend(names);
  const top = LEGEND + LINE * entries.lines + 14;
  const height = top + panels.size * PANEL;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="DejaVu Sans, Helvetica, Arial, sans-serif" font-size="11" fill="#222">
<title>Modelled time of attention kernels over the least possible</title>
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
${text(LEFT, 28, "Modelled time over the least possible, on an MI300X (gfx942)", 'font-size="17" font-weight="bold"')}
${text(LEFT, 48, "A model over counts of the emulator, not a measurement. 1 is one launch (3 us) and the shape's bytes at 4.3 TB/s, or its products at the matrix units' rate, whichever is longer.")}
${text(LEFT, 64, "Heads of 128 elements, queries in bfloat16. Lower is better; logarithmic.")}
${entries.drawn}
${[...panels].map(([title, shapes], index) => panel(title, shapes, names, top + index * PANEL)).join("\n")}
</svg>
`;
}

const ran = ({ reason }) => reason === undefined;
const is = (name) => (kernel) => ran(kernel) && kernel.name === name;

/** The kernels' colours, in as many lines as they need. */
function legend(names) {
  let [x, line] = [LEFT, 0];
  const drawn = names.map((name, index) => {
    const width = 40 + 6.6 * name.length;
    if (x + width > WIDTH) [x, line] = [LEFT, line + 1];
    const y = LEGEND + LINE * line;
    const entry = `<rect x="${fixed(x)}" y="${y - 10}" width="11" height="11" fill="${COLOURS[index]}"/>${text(x + 16, y, name)}`;
    x += width;
    return entry;
  });
  return { drawn: drawn.join(""), lines: line + 1 };
}

function panel(title, shapes, names, top) {
  const base = top + 24 + PLOT;
  const group = (WIDTH - LEFT - RIGHT) / shapes.length;
  const taking = names.filter((name) => shapes.some(({ kernels }) => kernels.some(is(name))));
  const bar = (group * 0.86) / taking.length;
  const height = (ratio) => (PLOT * Math.log(Math.min(MOST, Math.max(1, ratio)))) / Math.log(MOST);
  const lines = [1, 2, 4, 8, 16, 32].map((ratio) => {
    const y = fixed(base - height(ratio));
    return `<path d="M${LEFT} ${y}H${WIDTH - RIGHT}" stroke="${ratio === 1 ? "#222" : "#ddd"}"/>${text(LEFT - 6, y + 4, `${ratio} x`, 'text-anchor="end"')}`;
  });
  const bars = shapes.flatMap(({ name, least, kernels }, index) =>
    kernels.filter(ran).map((kernel) => {
      const ratio = kernel.microseconds / least.total;
      const x = LEFT + index * group + group * 0.07 + taking.indexOf(kernel.name) * bar;
      return `<rect x="${fixed(x)}" y="${fixed(base - height(ratio))}" width="${fixed(bar * 0.9)}" height="${fixed(Math.max(0.8, height(ratio)))}" fill="${COLOURS[names.indexOf(kernel.name)]}"><title>${name}: ${kernel.name} ${kernel.microseconds.toFixed(1)} us, ${ratio.toFixed(2)} x</title></rect>`;
    }),
  );
  const labels = shapes.map(({ numHeads, numKvHeads }, index) => {
    const x = LEFT + (index + 0.5) * group;
    return `<text transform="translate(${fixed(x - 3)} ${base + 6}) rotate(90)" font-size="9">${numHeads}/${numKvHeads}</text>`;
  });
  return [
    text(LEFT, top + 10, title, 'font-size="13" font-weight="bold"'),
    ...lines,
    ...bars,
    ...labels,
    ...steps(shapes, group, base + 46),
  ].join("\n");
}

/** Under the heads, the steps that neighbouring shapes have in common. */
function steps(shapes, group, y) {
  const found = [];
  for (const [index, { phase, sequences, length, queries }] of shapes.entries()) {
    const tokens = queries === length ? `${length} tokens` : `${queries} of ${length} tokens`;
    const words = phase === "decode" ? `${sequences} x ${length}` : tokens;
    if (found.at(-1)?.words === words) found.at(-1).end = index + 1;
    else found.push({ words, start: index, end: index + 1 });
  }
  return found.map(({ words, start, end }) => {
    const [from, to] = [LEFT + start * group + 3, LEFT + end * group - 3];
    return `<path d="M${fixed(from)} ${y - 12}H${fixed(to)}" stroke="#999"/>${text((from + to) / 2, y, words, 'text-anchor="middle"')}`;
  });
}

function text(x, y, words, attributes = "") {
  return `<text x="${fixed(x)}" y="${fixed(y)}" ${attributes}>${words}</text>`;
}

const fixed = (value) => Math.round(100 * value) / 100;
