const CLASSES = {
  vector: "valu",
  transcendental: "trans",
  matrix: "mfma",
  lds: "lds",
  vectorMemory: "vmem",
  scalarMemory: "smem",
  scalar: "salu",
};
const HEADER = [
  ...["kernel", "model us", "loaded", "of least", "limit", "K/V read", "partials", "lines", "XCDs/line"],
  ...["XCDs", "CUs", "in flight", "conflicts", "waves", "L1 clocks", "MFMA clocks", "instructions"],
];
const TEXTS = ["kernel", "operation", "limit", "instructions"];

/** A shape's contestants, each with a line for all of its launches and, where there are several, one for each. */
export function formatShape({ name, least, kernels }) {
  const rows = kernels
    .filter(({ reason }) => reason === undefined)
    .sort((a, b) => a.microseconds - b.microseconds)
    .flatMap((kernel) => {
      const { launches } = kernel;
      const [{ model }] = [...launches].sort((a, b) => b.model.total - a.model.total);
      const total = [
        ...[kernel.name, micro(kernel.microseconds), micro(kernel.loadedMicroseconds)],
        ...[`${(kernel.microseconds / least.total).toFixed(2)} x`, launches.length === 1 ? model.bound : ""],
        ...[kernel.cacheShare.toFixed(3), bytes(kernel.partialBytes)],
      ];
      if (launches.length === 1) return [[...total, ...counts(launches[0])]];
      return [[...total, ...HEADER.slice(total.length).map(() => "")], ...launches.map(launchRow)];
    });
  const by = least.matrix > least.bytes ? "products" : "bytes";
  return [
    `${name}: at least ${micro(least.total)} us, by its ${by}`,
    ...table([HEADER, ...rows]),
    ...kernels.filter(({ reason }) => reason).map(({ name, reason }) => `  ${name}: ${reason}`),
    "",
  ].join("\n");
}

function launchRow(launch) {
  const { model } = launch;
  return [
    ...[`  ${launch.kernel.slice(0, 28)}`, micro(model.total), micro(model.loadedTotal), "", model.bound],
    ...[bytes(launch.cacheBytes), bytes(launch.partialBytes)],
    ...counts(launch),
  ];
}

/** The columns that a launch fills from its counts. */
function counts({ model, instructions, wavesPerSimd, ...launch }) {
  const classes = Object.entries(CLASSES).filter(([name]) => instructions[name] > 0);
  return [
    launch.lineBytesPerByte.toFixed(2),
    percent(launch.linesByXcds),
    String(model.busyXcds),
    String(model.busyComputeUnits),
    bytes(model.bytesInFlight),
    percent(launch.ldsConflicts),
    String(wavesPerSimd),
    number(launch.l1Clocks),
    number(launch.matrixClocks),
    classes.map(([name, word]) => `${word} ${number(instructions[name])}`).join(" "),
  ];
}

const OPERATION_HEADER = ["operation", "model us", "of least", "limit", "bytes", "lines"];

/** Operations that shapes do not matter to, each over its least time. */
export function formatOperations(measured) {
  const rows = measured.map(
    ({ name, least, bytes: moved, microseconds, launches: [{ model, ...launch }] }) => [
      ...[name, micro(microseconds), `${(microseconds / least).toFixed(2)} x`, model.bound],
      ...[bytes(moved), launch.lineBytesPerByte.toFixed(2)],
    ],
  );
  return ["cache operations", ...table([OPERATION_HEADER, ...rows]), ""].join("\n");
}

/** How often each contestant is the fastest, and where one of another project is ahead of all of ours. */
export function summary(results) {
  const ours = (name) => !name.startsWith("AITER");
  const lines = ["Fastest by the model (which nobody has measured; docs/performance.md):"];
  const wins = new Map();
  const behind = [];
  for (const { name, kernels } of results) {
    const ran = kernels.filter(({ reason }) => reason === undefined);
    const [best] = [...ran].sort((a, b) => a.microseconds - b.microseconds);
    if (best === undefined) continue;
    wins.set(best.name, (wins.get(best.name) ?? 0) + 1);
    const [own] = ran.filter((kernel) => ours(kernel.name)).sort((a, b) => a.microseconds - b.microseconds);
    if (own === undefined || ours(best.name)) continue;
    behind.push(
      `  ${name}: ${best.name} ${micro(best.microseconds)}, ${own.name} ${micro(own.microseconds)}`,
    );
  }
  for (const [name, count] of wins) lines.push(`  ${name}: ${count} of ${results.length} shapes`);
  if (behind.length > 0) lines.push("Ours is behind on:", ...behind);
  return [...lines, ...distanceToAssembly(results)].join("\n");
}

/** How far TRITON_ATTN's prefill is from AITER's assembly, without the cache write of either. */
function distanceToAssembly(results) {
  const ratios = results.flatMap(({ name, kernels }) => {
    const launches = kernels.flatMap(({ launches = [] }) => launches);
    const assembly = launches.find(({ kernel }) => kernel.includes("fmha_fwd_hd"));
    const ours = kernels.find(hasRun({ name: "TRITON_ATTN" }));
    return assembly === undefined || ours === undefined
      ? []
      : [{ name, ratio: ours.microseconds / assembly.model.total }];
  });
  if (ratios.length === 0) return [];
  ratios.sort((a, b) => a.ratio - b.ratio);
  const [least, most] = [ratios[0], ratios.at(-1)];
  const times = ({ ratio }) => `${ratio.toFixed(2)} times`;
  return [
    `TRITON_ATTN's prefill takes ${times(least)} to ${times(most)} (${most.name}) what AITER's assembly takes.`,
  ];
}

/** The shapes on which kernels rank otherwise than in earlier results, as `--json` printed them. */
export function moved(before, after) {
  const lines = after.flatMap(({ name, kernels }) => {
    const earlier = before.find((shape) => shape.name === name)?.kernels ?? [];
    const inBoth = (kernel) => [earlier, kernels].every((list) => list.some(hasRun(kernel)));
    const [old, now] = [earlier, kernels].map((list) => ranking(list.filter(inBoth)).join(" < "));
    return old === now ? [] : [`  ${name}: ${old}, now ${now}`];
  });
  return `Rankings that moved, of ${after.length}: ${lines.length === 0 ? "none" : lines.length}\n${lines.join("\n")}`;
}

const hasRun = (kernel) => (other) => other.name === kernel.name && other.reason === undefined;

/** Fastest first; those that differ by less than a thousandth stand in the order of the alphabet. */
function ranking(kernels) {
  const rounded = ({ microseconds }) => Math.round(1000 * Math.log(microseconds));
  return [...kernels]
    .sort((a, b) => rounded(a) - rounded(b) || a.name.localeCompare(b.name))
    .map(({ name }) => name);
}

/** Columns under their names: texts to the left, numbers to the right. */
function table(rows) {
  const [header] = rows;
  const widths = header.map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const cell = (text, column) =>
    TEXTS.includes(header[column]) ? text.padEnd(widths[column]) : text.padStart(widths[column]);
  return rows.map((row) => `  ${row.map(cell).join("  ").trimEnd()}`);
}

const micro = (value) => value.toFixed(1);
const percent = (share) => `${(100 * share).toFixed(0)} %`;

function number(value) {
  if (value < 1e4) return String(value);
  return value < 1e7 ? `${(value / 1e3).toFixed(0)}k` : `${(value / 1e6).toFixed(0)}M`;
}

function bytes(value) {
  if (value < 1024) return `${Math.round(value)} B`;
  return value < 2 ** 20 ? `${(value / 1024).toFixed(1)} KB` : `${(value / 2 ** 20).toFixed(1)} MB`;
}
