import { GENERATED, table } from "./markdown.mjs";

const PHASES = { prefill: "prefill", decode: "decode", mixed: "mixed", cacheWrite: "cache write" };

const LEVELS = { hardware: "on hardware", emulator: "on the emulator", none: "not yet" };

/** The rows of the comparison: the entry, its title, how its value reads, and how what has a kernel is read from a row. */
const entries = (sizes, layoutShapes) => [
  ["targets", "GPU targets", list, ({ target }) => [target]],
  ["dtypes", "dtypes", list, ({ serves }) => serves.dtypes],
  ["kvCacheDtypes", "KV cache dtypes", list, ({ serves }) => serves.kvCacheDtypes],
  ["headSizes", "head sizes", sizes, ({ serves }) => serves.headSizes],
  ["latentSizes", "sizes of latent attention", latentSizes],
  ["numHeads", "query heads per GPU", sizes],
  ["queriesPerKv", "query heads per key-value head", sizes],
  ["blockSizes", "block sizes", sizes, ({ serves }) => serves.blockSizes],
  ["attentionTypes", "attention types", list, ({ serves }) => serves.attentionTypes],
  ["slidingWindow", "sliding window", yesNo, feature("slidingWindow")],
  ["alibi", "ALiBi", yesNo, feature("alibi")],
  ["logitsSoftCap", "logits soft cap", yesNo, feature("logitsSoftCap")],
  ["sinks", "attention sinks", yesNo, feature("sinks")],
  ["batchInvariant", "batch invariance", yesNo],
  ["lse", "log-sum-exp output", yesNo],
  ["fp8Output", "fp8 output", yesNo],
  ["graphs", "captured graphs", (value) => value],
  [
    "kvCacheLayouts",
    "KV cache layouts",
    (names) =>
      names.map((name) => `${name}: ${layoutShapes[name].replaceAll(/\[.*?\]/g, "`$&`")}`).join("<br>"),
  ],
];

/** docs/backends.md: what each backend runs, what has a kernel today, and each difference from vLLM. */
export function backendsPage(backends, { published, further }, { describeSizes, matches }, layoutShapes) {
  const rows = entries(describeSizes, layoutShapes);
  const names = Object.entries(backends);
  return `${GENERATED}

# Backends

${table(
  ["backend", "attention", "kernels in this version", ""],
  names.map(([name, table]) => [
    `[${name}](#${name.toLowerCase()})`,
    table.kind === "mla" ? "multi-head latent" : "standard",
    builtRows(table, published).length > 0 ? "some" : "none",
    table.summary,
  ]),
)}

Each table below says what a backend of this package accepts; whatever it does not accept is refused with a reason
before anything runs. **Today** says for what part of that this version has kernels, where that is less: selection does
not depend on it, \`createAttention\` does (\`ERR_NO_KERNELS_FOR_ARCH\`). Footnotes say where a backend differs from
vLLM's of the same name (v0.12).

${names.map(([name, table]) => backendSection(name, table, published, further, rows, matches)).join("\n\n")}
`;
}

function backendSection(name, capabilities, published, further, entries, matches) {
  const built = builtRows(capabilities, published);
  const footnotes = [];
  const note = (entry) => {
    const text = capabilities.differences[entry];
    if (text === undefined) return "";
    const mark = `[^${name.toLowerCase().replaceAll("_", "-")}-${entry.toLowerCase()}]`;
    footnotes.push(`${mark}: ${text}`);
    return mark;
  };
  const own = entries.filter(([entry]) => capabilities[entry] !== undefined);
  const rows = own.map(([entry, title, write, read]) => [
    title + note(entry),
    write(capabilities[entry]),
    ...(built.length === 0 ? [] : [today(capabilities[entry], write, read, built, matches)]),
  ]);
  const conditionsOfDecode = capabilities.decode.map((choice) => conditions(choice, entries));
  const phases = Object.entries(PHASES).flatMap(([phase, title]) =>
    capabilities[phase].map((choice, index) => {
      const text = conditions(choice, entries);
      return [
        index === 0 ? title + note(phase) : "",
        choice.launches.map(({ provider, operation }) => `${provider} \`${operation}\``).join(", "),
        choice.launches.every((launch) => built.some((row) => isOf(row, launch))) ? "yes" : "no",
        phase === "mixed" && text !== "" && conditionsOfDecode.includes(text) ? "as for decode" : text,
      ];
    }),
  );
  return `## ${name}

${capabilities.summary}${aiterText(capabilities)}${built.length === 0 ? " This version has no kernels for it." : ""}

${table(["", "accepts", ...(built.length === 0 ? [] : ["today"])], rows)}

${table(["phase", "kernels, the preferred first", "there", "for"], phases)}
${exclusionsText(capabilities)}${verification(built, entries)}${servedText(capabilities, built, further)}${footnotes.length === 0 ? "" : `\n${footnotes.join("\n")}\n`}`.trimEnd();
}

function exclusionsText({ exclusions = [] }) {
  if (exclusions.length === 0) return "";
  return `\nBesides, it\n\n${exclusions.map(({ message }) => `- ${message}`).join("\n")}\n`;
}

const FEATURE_TITLES = { alibi: "ALiBi", logitsSoftCap: "a soft cap" };

/** What Composable Kernel serves, by target: the published kernels, and those that a clone can build. */
function servedText(capabilities, built, further) {
  if (!capabilities.aiter?.flat().some(({ provider }) => provider === "ck")) return "";
  const sets = [
    ["published", built.filter(({ provider }) => provider === "ck")],
    ["`--set full`", builtRows(capabilities, further).filter(({ provider }) => provider === "ck")],
  ];
  const lines = sets.flatMap(([set, rows]) =>
    rows
      .filter(({ serves }) => serves.headSizes.oneOf)
      .flatMap(({ target, operation, serves }) =>
        serves.dtypes.map((dtype) => {
          const compiled = Object.keys(serves.features).filter(
            (name) => serves.features[name] === "compiled",
          );
          const over =
            serves.blockSizes === undefined
              ? ""
              : `the cache, blocks of ${serves.blockSizes.multipleOf} tokens`;
          const kind = compiled.map((name) => FEATURE_TITLES[name]).join(", ");
          return { key: [target, set, operation, dtype, kind, over], sizes: serves.headSizes.oneOf };
        }),
      ),
  );
  const cells = new Map();
  for (const { key, sizes } of lines) {
    const name = key.join("|");
    cells.set(name, { key, sizes: [...(cells.get(name)?.sizes ?? []), ...sizes] });
  }
  const rows = [...cells.values()]
    .map(({ key: [target, set, , dtype, kind, over], sizes }) => [
      ...[`\`${target}\``, `\`${dtype}\``, kind || "plain", over || "dense keys"],
      [...new Set(sizes)].sort((one, other) => one - other).join(", "),
      set,
    ])
    .sort((one, other) => (one.join("|") < other.join("|") ? -1 : 1));
  const header = ["target", "dtype", "for", "over", "head sizes", "kernels"];
  return `\nWhat Composable Kernel serves, windows included:\n\n${table(header, rows)}\n`;
}

/** Which of the kernels that attend are verified, and on what: a cell as far as the least verified of its kernels. */
function verification(built, entries) {
  const texts = Object.fromEntries(entries.map(([entry, , write]) => [entry, write]));
  const targets = new Map();
  for (const { target, verified, serves } of built.filter(({ serves }) => serves.attentionTypes)) {
    const features = Object.values(serves.features).includes("runtime") ? ", with features" : "";
    const cache =
      (serves.kvCacheDtypes?.includes("auto") ?? true) ? "" : `, cache ${list(serves.kvCacheDtypes)}`;
    const cell = `${list(serves.dtypes)}, head size ${texts.headSizes(serves.headSizes)}${cache}${features}`;
    const cells = targets.get(target) ?? new Map();
    targets.set(target, cells.set(cell, cells.get(cell) === "none" ? "none" : verified));
  }
  const lines = [...targets].map(([target, cells]) => {
    const levels = Object.keys(LEVELS).flatMap((level) => {
      const ofLevel = [...cells].filter(([, own]) => own === level).map(([cell]) => cell);
      if (ofLevel.length === 0) return [];
      const rest = level === "none" ? "the others" : ofLevel.join("; ");
      return [`${ofLevel.length === cells.size ? "all" : rest} ${LEVELS[level]}`];
    });
    return `- \`${target}\`: ${levels.join("; ")}`;
  });
  return lines.length === 0 ? "" : `\nHow far the kernels are verified:\n\n${lines.join("\n")}\n`;
}

/** The kernels of the catalog that exist and belong to a backend; none where they attend to no phase by themselves. */
export function builtRows(capabilities, catalog) {
  const [attending, others] = [
    ["prefill", "decode"],
    ["mixed", "cacheWrite"],
  ].map((phases) => {
    const launches = phases.flatMap((phase) => capabilities[phase].flatMap((choice) => choice.launches));
    return catalog.kernels.filter(
      (row) =>
        launches.some((launch) => isOf(row, launch)) &&
        (row.serves.layouts?.some((layout) => capabilities.kvCacheLayouts.includes(layout)) ?? true),
    );
  });
  return attending.length === 0 ? [] : [...new Set([...attending, ...others])];
}

export function isOf(row, launch) {
  return row.provider === launch.provider && row.operation === launch.operation;
}

/** What of an entry this version has kernels for; nothing where that is all. */
function today(value, write, read, built, matches) {
  if (read === undefined || value === false) return "";
  const values = built.map(read).filter((part) => part !== undefined);
  if (value === true) return values.some(Boolean) ? "" : "none";
  if (value.oneOf !== undefined) {
    const served = value.oneOf.filter((size) => values.some((sizes) => matches(sizes, size)));
    return served.length === value.oneOf.length ? "" : write({ oneOf: served });
  }
  const there = new Set(values.flat());
  // In the table's order, then what it covers by a prefix (gfx1100 of gfx11).
  const listed = values.flatMap(({ oneOf = [] }) => oneOf);
  const parts = Array.isArray(value)
    ? [[...value.filter((one) => there.delete(one)), ...there]]
    : [
        ...values.filter(({ oneOf }) => oneOf === undefined),
        ...(listed.length === 0 ? [] : [{ oneOf: [...new Set(listed)].sort((one, other) => one - other) }]),
      ];
  const texts = [...new Set(parts.map((part) => write(part)))];
  return texts.length === 0 || texts.includes(write(value)) ? "" : texts.join(" or ");
}

function conditions({ limits = {}, switchedOff = [], note }, entries) {
  const parts = entries
    .filter(([entry]) => limits[entry] !== undefined)
    .map(([entry, title, write]) =>
      limits[entry] === false ? `no ${title}` : `${title} ${write(limits[entry])}`,
    );
  for (const { variables, when } of switchedOff) {
    const names = variables.map((name) => `\`${name}\``).join(" and ");
    parts.push(`${names} not ${when ? (variables.length > 1 ? "both on" : "on") : "off"}`);
  }
  return [...parts, ...(note === undefined ? [] : [note])].join("; ");
}

function aiterText({ aiter }) {
  if (aiter === undefined) return "";
  const groups = aiter.map((group) =>
    group.map(({ provider, operation }) => `${provider} \`${operation}\``).join(" or "),
  );
  return ` Counts as installed for a GPU target where ${groups.join(", and ")} ${groups.length > 1 ? "are" : "is"} there.`;
}

function latentSizes(value) {
  return Object.entries(value)
    .map(([name, size]) => `\`${name}\` ${size}`)
    .join(", ");
}

function list(values) {
  return values.map((value) => `\`${value}\``).join(", ");
}

function yesNo(value) {
  return value ? "yes" : "no";
}

function feature(name) {
  return ({ serves }) => ["compiled", "runtime"].includes(serves.features[name]);
}
