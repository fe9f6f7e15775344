import { afterEach, describe, expect, it } from "vitest";
import { explain } from "../../../lib/selection/explain.js";
import type { OwnCapabilities } from "../../../lib/selection/own-capabilities.js";
import {
  backendNames,
  capabilitiesOf,
  listBackends,
  overrideBackend,
  registerCapabilities,
} from "../../../lib/selection/registry.js";

const LLAMA = { numHeads: 32, numKvHeads: 8, headSize: 128, dtype: "bfloat16" } as const;
const OWN: OwnCapabilities = { kind: "standard", summary: "A backend of the program." };
const BUILTIN = backendNames();

const undo: (() => void)[] = [];
afterEach(() => {
  for (const back of undo.splice(0)) back();
  overrideBackend(null);
});

function register(name: string, capabilities: OwnCapabilities = OWN) {
  const back = registerCapabilities(name, capabilities);
  undo.push(back);
  return back;
}

describe("registerCapabilities", () => {
  it("makes a backend known by name, listed, and chosen only when it is named", () => {
    register("MINE");
    expect(listBackends().at(-1)).toMatchObject({ name: "MINE", origin: "registered", overriding: false });
    const automatic = explain(LLAMA, { env: {} });
    expect(automatic.backend).toBe("TRITON_ATTN");
    expect(automatic.candidates).toContainEqual(
      expect.objectContaining({ backend: "MINE", enabled: false, enable: "VLLM_ATTENTION_BACKEND=MINE" }),
    );
    expect(explain(LLAMA, { env: { VLLM_ATTENTION_BACKEND: "MINE" } })).toMatchObject({
      backend: "MINE",
      rule: "MINE",
    });
  });

  it("holds a backend to what it declares, and to little where it declares nothing", () => {
    register("MINE", { ...OWN, headSizes: { oneOf: [64] } });
    expect(explain({ ...LLAMA, sinks: true, backend: "MINE" }, { env: {} }).error?.message).toContain(
      "it takes head size 64, not 128; does not support attention sinks",
    );
  });

  it("replaces one of the package until it is undone, in any order", () => {
    const before = capabilitiesOf("TRITON_ATTN");
    const first = register("TRITON_ATTN", { ...OWN, summary: "first" });
    const second = register("TRITON_ATTN", { ...OWN, summary: "second" });
    expect(listBackends()[0]).toMatchObject({ name: "TRITON_ATTN", origin: "replaced" });
    first();
    expect(capabilitiesOf("TRITON_ATTN")?.summary).toBe("second");
    second();
    second();
    expect(capabilitiesOf("TRITON_ATTN")).toBe(before);
    expect(listBackends().map(({ origin }) => origin)).toEqual(BUILTIN.map(() => "builtin"));
  });

  it.each<[string, string, object]>([
    ["name", "my backend", OWN],
    ["name", "", OWN],
    ["capabilities", "MINE", null as unknown as object],
    ["capabilities", "MINE", { ...OWN, headSize: 64 }],
    ["capabilities.kind", "MINE", { ...OWN, kind: "sparse" }],
    ["capabilities.kind", "MINE", { summary: "kind is missing" }],
    ["capabilities.summary", "MINE", { kind: "standard" }],
    ["capabilities.targets[0]", "MINE", { ...OWN, targets: ["mi300"] }],
    ["capabilities.dtypes", "MINE", { ...OWN, dtypes: [] }],
    ["capabilities.dtypes[1]", "MINE", { ...OWN, dtypes: ["float16", "float8"] }],
    ["capabilities.kvCacheDtypes", "MINE", { ...OWN, kvCacheDtypes: "auto" }],
    ["capabilities.headSizes", "MINE", { ...OWN, headSizes: 64 }],
    ["capabilities.headSizes", "MINE", { ...OWN, headSizes: [64] }],
    ["capabilities.blockSizes", "MINE", { ...OWN, blockSizes: { oneOf: [] } }],
    ["capabilities.blockSizes", "MINE", { ...OWN, blockSizes: { multiple: 16 } }],
    ["capabilities.numHeads", "MINE", { ...OWN, numHeads: { min: 0.5 } }],
    ["capabilities.sinks", "MINE", { ...OWN, sinks: "yes" }],
    ["capabilities.graphs", "MINE", { ...OWN, graphs: true }],
  ])("refuses a wrong %s", (argument, name, capabilities) => {
    expect(() => registerCapabilities(name, capabilities as OwnCapabilities)).toThrow(
      expect.objectContaining({ code: "ERR_INVALID_ARGUMENT", argument }),
    );
    expect(backendNames()).toEqual(BUILTIN);
  });

  it("keeps what was declared, whatever becomes of the object", () => {
    const dtypes: ("float32" | "float16")[] = ["float32"];
    register("MINE", { ...OWN, dtypes });
    dtypes[0] = "float16";
    expect(capabilitiesOf("MINE")?.dtypes).toEqual(["float32"]);
  });
});

describe("overrideBackend", () => {
  it("stands above the option and the variable, and can be undone", () => {
    expect(overrideBackend("ROCM_ATTN")).toBeNull();
    const forced = explain(
      { ...LLAMA, backend: "FLEX_ATTENTION" },
      { env: { VLLM_ATTENTION_BACKEND: "TRITON_ATTN" } },
    );
    expect(forced).toMatchObject({ backend: "ROCM_ATTN", source: "override" });
    expect(forced.variables).toMatchObject([{ effect: null, note: "overrideBackend stands above it" }]);
    expect(listBackends().filter(({ overriding }) => overriding)).toMatchObject([{ name: "ROCM_ATTN" }]);
    expect(overrideBackend(null)).toBe("ROCM_ATTN");
    expect(explain({ ...LLAMA, backend: "FLEX_ATTENTION" }, { env: {} }).backend).toBe("FLEX_ATTENTION");
  });

  it("does not bend what a backend can do", () => {
    overrideBackend("TRITON_MLA");
    expect(explain(LLAMA, { env: {} })).toMatchObject({
      backend: null,
      error: { code: "ERR_BACKEND_UNSUPPORTED" },
    });
  });

  it("refuses a name that nobody has", () => {
    expect(() => overrideBackend("TRITON")).toThrow(/Invalid value "TRITON" for overrideBackend/);
    for (const name of [undefined, 3]) {
      expect(() => overrideBackend(name as unknown as string)).toThrow(
        expect.objectContaining({ code: "ERR_INVALID_ARGUMENT", argument: "name" }),
      );
    }
    expect(overrideBackend(null)).toBeNull();
  });
});

it("listings hand out tables that nobody can change", () => {
  const undo = registerCapabilities("MINE", {
    kind: "standard",
    summary: "Mine.",
    headSizes: { oneOf: [64] },
  });
  for (const { capabilities } of listBackends()) {
    expect(() => Object.assign(capabilities, { lse: false })).toThrow(TypeError);
    expect(() => (capabilities.dtypes as string[]).push("float8")).toThrow(TypeError);
    expect(() => Object.assign(capabilities.headSizes, { max: 1 })).toThrow(TypeError);
  }
  undo();
});
