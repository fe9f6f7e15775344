import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matches, type Sizes } from "../../../lib/catalog/sizes.js";
import {
  ATTENTION_TYPES,
  type AttentionConfig,
  BACKEND_NAMES,
  type BuiltinBackendName,
  COMPUTE_DTYPES,
  type Environment,
  KV_CACHE_DTYPES,
  type MlaAttentionConfig,
} from "../../../lib/config.js";
import { BUILTIN_BACKENDS } from "../../../lib/selection/backends.js";
import { explain, type SelectionOptions } from "../../../lib/selection/explain.js";
import type { Explanation, Reason } from "../../../lib/selection/explanation.js";
import { VARIABLE_NAMES, VARIABLES } from "../../../lib/selection/variables.js";
import { syntheticCatalog } from "../../support/catalogs.js";

const ARCHS = ["gfx90a", "gfx942", "gfx950", "gfx1100", "gfx1201", "gfx906"] as const;
const CATALOGS = [true, false].map((aiter) => syntheticCatalog(ARCHS, { aiter }));

const arch = fc.constantFrom(...ARCHS);
const catalog = fc.constantFrom(...CATALOGS);
const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined });

const common = {
  dtype: fc.constantFrom(...COMPUTE_DTYPES),
  kvCacheDtype: maybe(fc.constantFrom(...KV_CACHE_DTYPES)),
  blockSize: maybe(fc.constantFrom(1, 8, 16, 24, 32, 64, 128, 256)),
  batchInvariant: maybe(fc.boolean()),
  backend: maybe(fc.constantFrom(...BACKEND_NAMES)),
};

const standard: fc.Arbitrary<AttentionConfig> = fc
  .record({
    ...common,
    numKvHeads: fc.integer({ min: 1, max: 16 }),
    queriesPerKv: fc.integer({ min: 1, max: 20 }),
    headSize: fc.constantFrom(1, 16, 32, 64, 72, 80, 96, 128, 160, 192, 256, 512),
    slidingWindow: maybe(fc.integer({ min: 1, max: 5000 })),
    alibi: fc.boolean(),
    logitsSoftCap: maybe(fc.double({ min: 1, max: 100, noNaN: true })),
    sinks: maybe(fc.boolean()),
    attentionType: maybe(fc.constantFrom(...ATTENTION_TYPES)),
  })
  .map(({ queriesPerKv, alibi, ...config }) => {
    const numHeads = config.numKvHeads * queriesPerKv;
    if (config.attentionType === "encoder_decoder") return { ...config, numHeads, slidingWindow: undefined };
    return { ...config, numHeads, ...(alibi ? { alibiSlopes: new Float32Array(numHeads) } : {}) };
  });

const latent: fc.Arbitrary<MlaAttentionConfig> = fc.record({
  ...common,
  numHeads: fc.integer({ min: 1, max: 130 }),
  kvLoraRank: fc.constantFrom(256, 512),
  qkRopeHeadDim: maybe(fc.constantFrom(32, 64)),
  vHeadDim: maybe(fc.constantFrom(64, 128)),
});

const config = fc.oneof(standard, latent);

/** Flags with values of all sorts, and a named backend now and then. */
const env: fc.Arbitrary<Environment> = fc
  .tuple(
    fc.dictionary(
      fc.constantFrom(...VARIABLE_NAMES.filter((name) => VARIABLES[name].parsing === "flag")),
      fc.constantFrom("1", "0", "true", "False", "", "yes", "2"),
    ),
    maybe(fc.oneof({ weight: 4, arbitrary: fc.constantFrom<string>(...BACKEND_NAMES) }, fc.string())),
  )
  .map(([flags, backend]) => ({ ...flags, VLLM_ATTENTION_BACKEND: backend }));

const RUNS = { numRuns: 400 };

describe("selection", () => {
  it("takes a named backend exactly if it can run the configuration, and never another", () => {
    fc.assert(
      fc.property(config, env, arch, catalog, (config, env, arch, catalog) => {
        const named = config.backend ?? env.VLLM_ATTENTION_BACKEND;
        fc.pre(named !== undefined && (BACKEND_NAMES as readonly string[]).includes(named));
        const explanation = explain(config, { env, arch, catalog });
        const candidate = explanation.candidates[0]!;
        expect(candidate.backend).toBe(named);
        expect(explanation.backend).toBe(candidate.reasons.length === 0 ? named : null);
        expect(explanation.error === null).toBe(candidate.reasons.length === 0);
      }),
      RUNS,
    );
  });

  it("is not changed by a flag that the explanation calls without effect", () => {
    fc.assert(
      fc.property(config, env, arch, catalog, (config, env, arch, catalog) => {
        const before = explain(config, { env, arch, catalog });
        for (const { name, effect } of before.variables) {
          const after = explain(config, { env: { ...env, [name]: undefined }, arch, catalog });
          if (effect === null) expect(outcome(after)).toEqual(outcome(before));
          else if (name !== "VLLM_ATTENTION_BACKEND") expect(outcome(after)).not.toEqual(outcome(before));
        }
      }),
      RUNS,
    );
  });

  it("rejects for nothing but what the capability table denies, and for all of that", () => {
    fc.assert(
      fc.property(config, env, arch, catalog, (config, env, arch, catalog) => {
        const explanation = explain(config, { env, arch, catalog });
        for (const { backend, reasons } of explanation.candidates) {
          const named = reasons.map(({ capability }) => capability).filter((name) => name !== "aiter");
          expect(new Set(named)).toEqual(denied(backend as BuiltinBackendName, explanation));
        }
      }),
      RUNS,
    );
  });

  it("chooses an enabled and eligible candidate, the first one, or says why there is none", () => {
    fc.assert(
      fc.property(config, env, arch, catalog, (config, env, arch, catalog) => {
        const { backend, error, candidates } = explain(config, { env, arch, catalog });
        const first = candidates.find(({ enabled, eligible }) => enabled && eligible);
        expect(backend).toBe(first?.backend ?? null);
        expect(candidates.filter(({ chosen }) => chosen)).toEqual(first === undefined ? [] : [first]);
        expect(error === null).toBe(backend !== null);
        for (const { enabled, enable } of candidates) expect(enable === undefined).toBe(enabled);
      }),
      RUNS,
    );
  });

  it("never throws, whatever it is given, and answers plain data", () => {
    const anything = fc.anything({ withBigInt: true, withNullPrototype: true });
    const strange = fc.oneof(
      config,
      anything,
      fc.record({ numHeads: anything, numKvHeads: anything, headSize: anything, dtype: anything }),
      fc.tuple(standard, fc.string(), anything).map(([valid, key, value]) => ({ ...valid, [key]: value })),
    );
    const options = fc.oneof(
      fc.record({ env, arch: fc.oneof(arch, fc.string()) }),
      fc.record({ env: anything, arch: anything, device: anything, catalog: anything }, { requiredKeys: [] }),
      anything,
    );
    fc.assert(
      fc.property(strange, options, (config, options) => {
        const explanation = explain(config as AttentionConfig, options as SelectionOptions);
        expect(JSON.parse(JSON.stringify(explanation))).toEqual(explanation);
      }),
      RUNS,
    );
  });
});

function outcome({ backend, phases }: Explanation) {
  return { backend, kernels: phases.map(({ kernels }) => kernels.map(({ launches }) => launches)) };
}

function sizesDiffer(some: object, all: object): boolean {
  return Object.entries(some).some(([name, size]) => all[name as keyof typeof all] !== size);
}

/** The entries of a backend's table that deny a configuration, read anew from the table. */
function denied(backend: BuiltinBackendName, { config, target }: Explanation): Set<Reason["capability"]> {
  const table = BUILTIN_BACKENDS[backend];
  const entries: Reason["capability"][] = [];
  const is = (entry: Reason["capability"], wrong: boolean) => wrong && entries.push(entry);
  const isWithin = (sizes: Sizes, value: number) => matches(sizes, value);
  const { kvCacheDtype, dtype } = config!;
  const isNarrow = /^(fp8|int8)/.test(kvCacheDtype);
  is("kind", (table.kind === "mla") !== (config!.mla !== null));
  is("targets", !table.targets.some((prefix) => target.arch.startsWith(prefix)));
  is("dtypes", !table.dtypes.includes(dtype));
  is(
    "kvCacheDtypes",
    !table.kvCacheDtypes.includes(kvCacheDtype) ||
      (isNarrow && !/^gfx(942|950|12)/.test(target.arch)) ||
      (kvCacheDtype === "bfloat16" && dtype !== "bfloat16"),
  );
  is("headSizes", !isWithin(table.headSizes, config!.headSize));
  is("latentSizes", config!.mla !== null && sizesDiffer(table.latentSizes ?? {}, config!.mla));
  is("numHeads", !isWithin(table.numHeads, config!.numHeads));
  is("queriesPerKv", !isWithin(table.queriesPerKv, config!.numHeads / config!.numKvHeads));
  is("blockSizes", !isWithin(table.blockSizes, config!.blockSize));
  is("attentionTypes", !table.attentionTypes.includes(config!.attentionType));
  is("slidingWindow", config!.slidingWindow !== null && !table.slidingWindow);
  is("alibi", config!.alibi && !table.alibi);
  is("logitsSoftCap", config!.logitsSoftCap !== null && !table.logitsSoftCap);
  is("sinks", config!.sinks && !table.sinks);
  is("batchInvariant", config!.batchInvariant && !table.batchInvariant);
  for (const { capability, targets, dtypes, features } of table.exclusions ?? []) {
    const isThere = features?.every((feature) => Boolean(config![feature])) ?? true;
    is(capability, isThere && targets?.includes(target.arch) !== false && dtypes?.includes(dtype) !== false);
  }
  return new Set(entries);
}
