import type { Verified } from "./choose.js";
import contract from "./contract.json" with { type: "json" };
import type { Serves } from "./serves.js";

/** The version of the manifest's layout that this package reads. */
export const MANIFEST_SCHEMA = contract.schema;
/** Raised when an operation or an argument changes its meaning: kernels of another contract cannot be launched. */
export const CONTRACT = contract.contract;

export const KERNARG_TYPES = ["pointer", "int32", "int64", "float32"] as const;
/** The type of a kernel's argument; a pointer is 8 bytes. */
export type KernargType = (typeof KERNARG_TYPES)[number];

/** One explicit argument of a kernel. Offsets and sizes are bytes in the kernarg segment. */
export interface Kernarg {
  /** The argument's name in the kernel's source. */
  readonly name: string;
  /** Its name here, where that is another. */
  readonly as?: string;
  /** The type of the argument, or of each element of a list. */
  readonly type: KernargType;
  /** Bytes from the beginning of the segment to the argument. */
  readonly offset: number;
  /** Bytes of the argument; of a list, all its elements. */
  readonly size: number;
  /** Of a list: how many of the type there are. */
  readonly count?: number;
}

/** One row of a manifest: a kernel as data, whatever made it. */
export interface KernelRow {
  /** The kernel's name, its own within a target: explanations, profiles and metrics name it so. */
  readonly id: string;
  /** The maker of the kernel, a {@link Provider}. */
  readonly provider: string;
  /** The work of the kernel: "unified_attention_2d", "reshape_and_cache". */
  readonly operation: string;
  /** Where a provider makes it in more than one way: "asm", "triton". */
  readonly variant?: string;
  /** The code object, beside the manifest. */
  readonly file: string;
  /** The SHA-256 of the code object, 64 hexadecimal digits; another file is not loaded. */
  readonly sha256: string;
  /** The kernel's name within the code object. */
  readonly symbol: string;
  /** The explicit arguments, by ascending offset. */
  readonly kernargs: readonly Kernarg[];
  /** Of the whole segment: everything behind the explicit arguments is zero. */
  readonly kernargBytes: number;
  /** Work-items. */
  readonly workgroupSize: number;
  /** Dynamic LDS that a launch gives. */
  readonly ldsBytes: number;
  /** Sizes of the kernel's tile that the launch depends on: "rows" (query tokens x heads), "keys". */
  readonly tile: Readonly<Record<string, number>>;
  /** The launch's grid, for people. */
  readonly grid: string;
  /** The configurations that it can run. */
  readonly serves: Serves;
  /** The registers and memory that a wave takes, from the code object. */
  readonly resources: {
    /** The resources of an AMD GPU. */
    readonly amdgpu: {
      /** Vector registers per lane, accumulation registers included. */
      readonly vgprs: number;
      /** Private memory per lane; 0 in every kernel of ours. */
      readonly scratchBytes: number;
      /** Waves that a SIMD holds, by registers and LDS. */
      readonly wavesPerSimd: number;
    };
  };
  /** PCI ids of the chips that it is tuned for, beside a row without any for all others. */
  readonly chips?: readonly number[];
  /**
   * The one wave schedule under which an object of a vendor is right; "early": under any, where loads take effect at once, since
   * it does not wait for all of them.
   */
  readonly schedule?: string;
  /** How far its numbers are proven on this target. */
  readonly verified: Verified;
  /** The GPU on which these very bytes have matched float64, where they have. */
  readonly verifiedOn?: {
    /** The GPU's name, as HIP gives it. */
    readonly gpu: string;
    /** The version of the amdgpu driver. */
    readonly driver: string;
    /** The version of the HIP runtime. */
    readonly hip: string;
    /** "2026-01-31" */
    readonly date: string;
  };
  /** The compiler that made the code object. */
  readonly compiler: {
    /** The compiler's name. */
    readonly name: string;
    /** The compiler's version, as it gives it. */
    readonly version: string;
  };
  /** How it is compiled with a program in it; absent: it takes none. */
  readonly recipe?: Recipe;
}

/** How clang makes the kernel with a program of the user's in it: run in the folder `sources` beside the manifest. */
export interface Recipe {
  /** "kernels/hip/flex_attention.hip" */
  readonly source: string;
  /** Arguments of clang, beside the target, the program, the source and the output. */
  readonly flags: readonly string[];
}

/** The contents of a kernel folder. */
export interface Manifest {
  readonly schema: number;
  readonly contract: number;
  /** "gfx942" */
  readonly target: string;
  readonly platform: string;
  readonly waveSize: number;
  readonly kernels: readonly KernelRow[];
}
