import { afterEach, describe, expect, it } from "vitest";
import { slowEmulation } from "../../../lib/device/slow-emulation.js";
import { setLogger } from "../../../lib/log.js";
import { onGpu, openTestDevice, setOptions } from "../../support/device.js";

afterEach(() => {
  setLogger(null);
  setOptions({ CPU: "best" });
});

describe.skipIf(onGpu)("the emulator's code for plain x86-64", () => {
  it("is warned of, once", async () => {
    const messages: string[] = [];
    setLogger((level, message) => void messages.push(`${level}: ${message}`));
    for (const level of ["x86_64", "x86_64"]) {
      setOptions({ CPU: level });
      await openTestDevice().close();
    }
    const warnings = messages.filter((message) => message.includes("x86-64"));
    expect(warnings).toEqual([`warn: ${slowEmulation()}`]);
    expect(warnings[0]).toContain("fused multiply-adds in software");
  });

  it("is not spoken of where the processor runs better code", ({ skip }) => {
    if (!setOptions({ CPU: "x86_64_v3" })) skip("this CPU has no such instructions");
    expect(slowEmulation()).toBeNull();
  });
});
