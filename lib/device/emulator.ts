import { checkInstance } from "../arguments.js";
import { invalidArgument, RocmAttentionError } from "../errors.js";
import { native } from "../native.js";
import { emulatorLibrary } from "../native-files.js";
import { Device } from "./device.js";

/**
 * Sets an option of the emulator for what is launched or called from now on, in the whole process: what the variable
 * ROCM_EMULATOR_<name> would (docs/emulator.md), e.g. ("SCHEDULE", "reverse").
 */
export function setEmulatorOption(name: string, value: string): void {
  for (const [argument, word] of Object.entries({ name, value })) {
    if (typeof word !== "string") throw invalidArgument(argument, "a string", word);
  }
  if (!native().setEmulatorOption(emulatorLibrary(), name, value)) {
    throw invalidArgument("option", "an option and a value of the emulator", `${name}=${value}`);
  }
}

/** How often a HIP function ("hipMalloc") of the emulator has been called in this process: to fail each call once. */
export function emulatorCalls(name: string): number {
  return native().emulatorCalls(emulatorLibrary(), name);
}

/** Classes of instructions that the emulator counts apart. */
export const INSTRUCTION_CLASSES = [
  "scalar",
  "vector",
  "transcendental",
  "matrix",
  "lds",
  "vectorMemory",
  "scalarMemory",
  "branch",
  "wait",
  "barrier",
  "other",
] as const;
/** A class of instructions: one of {@link INSTRUCTION_CLASSES}. */
export type InstructionClass = (typeof INSTRUCTION_CLASSES)[number];

/** Counts of memory instructions. All numbers are sums over the wave-instructions that were executed. */
export interface MemoryCounters {
  /** Bytes of device memory that lanes loaded (atomics included), less those out of their buffer's range. */
  bytesRead: number;
  /** Bytes of device memory that lanes stored (atomics included), less those out of their buffer's range. */
  bytesWritten: number;
  /** 128-byte lines of device memory: each wave-instruction counts every line that it touches once. */
  lines: number;
  /** Bytes loaded into scalar registers. */
  scalarBytesRead: number;
  /** Bytes of private memory, both ways. */
  scratchBytes: number;
  /** Bytes of LDS, both ways. */
  ldsBytes: number;
  /** Clocks that LDS is busy, by the bank rules in docs/emulator.md. */
  ldsClocks: number;
  /** Of `ldsClocks` those that bank conflicts cost. */
  ldsConflictClocks: number;
}

/** Different 128-byte lines of one allocation; shared are those that more than one workgroup touched. */
export interface AllocationCounters {
  /** The device address of the allocation. */
  address: number;
  /** Bytes of the allocation. */
  bytes: number;
  /** Lines that were read. */
  linesRead: number;
  /** Lines that more than one workgroup read. */
  linesReadShared: number;
  /** Lines that more than one XCD read. */
  linesReadByXcds: number;
  /** Lines that were written. */
  linesWritten: number;
  /** Lines that more than one workgroup wrote. */
  linesWrittenShared: number;
}

/** Counts of one workgroup, by all its waves where nothing else is said. */
export interface WorkgroupCounters {
  /** In the grid, x fastest. */
  number: number;
  /** Clocks for which matrix instructions occupy their SIMD's matrix unit. */
  matrixClocks: number;
  /** Clocks for which vector instructions occupy their SIMD. */
  vectorClocks: number;
  /** Clocks for which transcendental instructions (exp, log, rcp, sqrt, ...) occupy their SIMD. */
  transcendentalClocks: number;
  /** Clocks that LDS is busy, by the bank rules in docs/emulator.md. */
  ldsClocks: number;
  /** Of the wave with the most: 4 for each instruction, and what a scalar load's 100 exceed those since its issue. */
  issueClocks: number;
  /** 128-byte lines of device memory as in `MemoryCounters`; different ones in the next two. */
  lines: number;
  /** Different lines that were read. */
  linesRead: number;
  /** Different lines that were written. */
  linesWritten: number;
  /** Bytes that vector loads ask for, at most those of their lines. */
  loadBytes: number;
  /**
   * Of the wave with the most: memory latencies that its loads take one after the other, where all that is outstanding
   * when the last of them is issued arrives together.
   */
  loadLatencies: number;
}

/** One instruction of a profile. */
export interface ProfileRow extends MemoryCounters {
  /** Byte offset from the kernel's entry. */
  pc: number;
  /** The disassembled instruction. */
  text: string;
  /** The instruction's class. */
  class: InstructionClass;
  /** How many waves have executed it, how often. */
  executed: number;
  /** `executed` times the clocks for which it occupies a SIMD's vector or matrix ALU; 0 for other instructions. */
  clocks: number;
}

/** Counts of one launch on an emulated device. Clocks follow from the ISA's tables; nothing is measured. */
export interface LaunchCounters {
  /** The kernel's symbol. */
  kernel: string;
  /** Workgroups. */
  grid: [number, number, number];
  /** Work-items of a workgroup. */
  block: [number, number, number];
  /** Waves of the whole grid. */
  waves: number;
  /** Allocated per lane: VGPRs and AGPRs together. */
  vectorRegisters: number;
  /** Of a workgroup, static and dynamic. */
  ldsBytes: number;
  /** Waves that a SIMD holds at once, as vector registers, scalar registers and LDS allow. */
  wavesPerSimd: number;
  /** Workgroups that a compute unit holds at once. */
  workgroupsPerComputeUnit: number;
  /** Executed wave-instructions. */
  instructions: Record<InstructionClass, number>;
  /** Clocks, summed over all waves, for which instructions occupy their SIMD's ALUs. */
  clocks: Record<"vector" | "transcendental" | "matrix", number>;
  /** With COUNTERS=full. */
  memory?: MemoryCounters & {
    /** Different 128-byte lines that were read, by vector and scalar instructions. */
    linesRead: number;
    /** Different 128-byte lines that were written. */
    linesWritten: number;
    /** A checksum of what those lines held when the launch ended: equal where two runs have left the same bytes. */
    writtenChecksum: string;
    /** Different lines that the workgroups of each XCD touched (workgroup number modulo the number of XCDs). */
    linesByXcd: number[];
    /** The allocations that were touched, by address. */
    allocations: AllocationCounters[];
  };
  /** With COUNTERS=full each workgroup, with sample:N one of each of N equal ranges of the grid; the others did not run. */
  workgroups?: WorkgroupCounters[];
  /** With COUNTERS=full: every instruction that was executed, by address. */
  profile?: ProfileRow[];
}

/**
 * What has been counted of the launches that ended on an emulated device since the last call, in the order in which
 * they ended: at most the last 256. Launches count what the option COUNTERS said when they were enqueued (off, basic or
 * full, or sample:N; `setEmulatorOption`). Launches that failed are not among them. Errors: ERR_INVALID_ARGUMENT for a GPU.
 */
export function takeLaunchCounters(device: Device): LaunchCounters[] {
  const { info } = checkInstance(device, "device", Device);
  if (!info.emulated) throw invalidArgument("device", "an emulated device", info.name);
  if (device.closed) throw new RocmAttentionError("ERR_DISPOSED", "the device was used after its close()");
  return JSON.parse(native().takeEmulatorCounters(emulatorLibrary(), info.ordinal));
}
