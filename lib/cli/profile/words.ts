import type { ModelUnit } from "../../catalog/performance-model.js";
import type { InstructionClass } from "../../device/emulator.js";

/** The model's units in words. */
export const UNIT_NAMES: Readonly<Record<ModelUnit, string>> = {
  matrix: "matrix units",
  vector: "vector units",
  transcendental: "transcendental",
  lds: "LDS",
  l1: "L1 caches",
  issue: "issue",
  latency: "load latency",
  l2: "L2 caches",
  memory: "device memory",
};

/** A class of instructions in words. */
export function className(name: InstructionClass): string {
  return name === "lds" ? "LDS" : name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

export const count = (value: number): string => value.toLocaleString("en-US");
export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
export const micro = (value: number): string => `${value.toFixed(2)} us`;

/** A program counter as fault reports and traces write it. */
export function pcText(pc: number): string {
  return `${pc < 0 ? "-" : "+"}0x${Math.abs(pc).toString(16).padStart(4, "0")}`;
}
