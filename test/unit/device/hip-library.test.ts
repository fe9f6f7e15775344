import { describe, expect, it } from "vitest";
import { hipCandidates, hipLibraryMessage } from "../../../lib/device/hip-library.js";

const names = (env: NodeJS.ProcessEnv) =>
  hipCandidates(env).map(({ library, loadedOnly }) => (loadedOnly ? `loaded ${library}` : library));

describe("hipCandidates", () => {
  it("tries what is loaded, then versions on the loader's path, then folders", () => {
    expect(names({})).toEqual([
      "loaded libamdhip64.so.7",
      "loaded libamdhip64.so.6",
      "loaded libamdhip64.so",
      "libamdhip64.so.7",
      "libamdhip64.so.6",
      "/opt/rocm/lib/libamdhip64.so.7",
      "/opt/rocm/lib/libamdhip64.so.6",
      "/opt/rocm/lib/libamdhip64.so",
    ]);
  });

  it("puts ROCM_PATH before /opt/rocm, once", () => {
    expect(names({ ROCM_PATH: "/opt/rocm-7.1" }).slice(5, 9)).toEqual([
      "/opt/rocm-7.1/lib/libamdhip64.so.7",
      "/opt/rocm-7.1/lib/libamdhip64.so.6",
      "/opt/rocm-7.1/lib/libamdhip64.so",
      "/opt/rocm/lib/libamdhip64.so.7",
    ]);
    expect(names({ ROCM_PATH: "/opt/rocm/" })).toEqual(names({}));
  });

  it("tries nothing but what ROCM_ATTENTION_HIP_LIBRARY names", () => {
    expect(names({ ROCM_ATTENTION_HIP_LIBRARY: "/x/libamdhip64.so", ROCM_PATH: "/y" })).toEqual([
      "/x/libamdhip64.so",
    ]);
    expect(names({ ROCM_ATTENTION_HIP_LIBRARY: "" })).toEqual(names({}));
  });
});

describe("hipLibraryMessage", () => {
  const attempts = [
    { library: "libamdhip64.so.7", error: "the process has not loaded it" },
    { library: "/opt/rocm/lib/libamdhip64.so.7", error: "libfmt.so.12: cannot open shared object file" },
  ];
  const report = { path: null, version: 0, attempts };

  it("has a line for each attempt and ends with what to do", () => {
    expect(hipLibraryMessage(report, {})).toMatchInlineSnapshot(`
      "the HIP runtime could not be loaded. Tried:
        libamdhip64.so.7: the process has not loaded it
        /opt/rocm/lib/libamdhip64.so.7: libfmt.so.12: cannot open shared object file
      What to do:
      - on a machine with an AMD GPU install the HIP runtime of ROCm 6 or 7 (package hip-runtime-amd), or
        name its libamdhip64.so.7 in ROCM_ATTENTION_HIP_LIBRARY or its folder in ROCM_PATH
      - without a GPU use the emulator: Device.open({ emulate: "gfx942" }), or
        ROCM_ATTENTION_DEVICE=emulator:gfx942 for programs that call Device.open()"
    `);
  });

  it("speaks of the variable where that named the file", () => {
    const message = hipLibraryMessage(report, { ROCM_ATTENTION_HIP_LIBRARY: "/x" });
    expect(message).toContain("correct or unset ROCM_ATTENTION_HIP_LIBRARY");
    expect(message).not.toContain("install the HIP runtime");
  });
});
