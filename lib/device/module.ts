import { checkInteger, PackageObject } from "../arguments.js";
import { describe, invalidArgument, RocmAttentionError } from "../errors.js";
import type { NativeKernel, NativeModule } from "../native.js";
import type { CodeObject, KernelFacts } from "./code-object.js";
import { type DeviceContext, DeviceObject } from "./context.js";

/**
 * A code object on a device, made by `device.loadModule(bytes)`. It stays loaded until dispose(), close(), or the
 * collection of it and its kernels, which cannot be launched after that.
 */
export class Module extends DeviceObject<NativeModule> {
  readonly #codeObject: CodeObject;
  readonly #kernels = new Map<string, Kernel>();

  /** @internal */
  constructor(device: DeviceContext, native: NativeModule, codeObject: CodeObject) {
    super(device, native, "module");
    this.#codeObject = codeObject;
  }

  /** The symbols of the kernels in it. */
  get symbols(): string[] {
    return [...this.#codeObject.kernels.keys()];
  }

  /** The kernel of that symbol; ERR_KERNEL_NOT_FOUND where the code object has none. */
  kernel(symbol: string): Kernel {
    const module = this.native;
    if (typeof symbol !== "string") throw invalidArgument("symbol", "a string", symbol);
    const known = this.#kernels.get(symbol);
    if (known !== undefined) return known;
    const facts = this.#codeObject.kernels.get(symbol);
    if (facts === undefined) {
      throw new RocmAttentionError(
        "ERR_KERNEL_NOT_FOUND",
        `the code object has no kernel ${describe(symbol)}; it has ${this.symbols.join(", ") || "none"}`,
        { argument: "symbol" },
      );
    }
    const kernel = new Kernel(this, symbol, facts, module.kernel(symbol, facts.kernargBytes));
    this.#kernels.set(symbol, kernel);
    return kernel;
  }
}

/** One function of a module that a stream can launch. */
export class Kernel extends PackageObject {
  /** Bytes of the whole argument segment, hidden arguments included. */
  readonly kernargBytes: number;
  /** Bytes up to the end of the last argument that a launch gives. */
  readonly explicitKernargBytes: number;
  /** Static LDS of a workgroup in bytes, without what a launch adds. */
  readonly ldsBytes: number;
  /** @internal Its number in lists of launches. */
  readonly number: number;

  /** @internal */
  constructor(
    /** The module that it belongs to, and which it keeps loaded. */
    readonly module: Module,
    /** Its name within the code object. */
    readonly symbol: string,
    facts: KernelFacts,
    /** @internal */
    readonly native: NativeKernel,
  ) {
    super();
    this.number = native.number;
    this.kernargBytes = facts.kernargBytes;
    this.explicitKernargBytes = facts.explicitKernargBytes;
    this.ldsBytes = facts.ldsBytes;
  }

  /** How many workgroups of `blockSize` work-items and `ldsBytes` of dynamic LDS a compute unit runs at once. */
  maxActiveBlocks(blockSize: number, ldsBytes = 0): number {
    checkInteger(blockSize, "blockSize", 1, 1024);
    checkInteger(ldsBytes, "ldsBytes", 0, 2 ** 20);
    return this.native.maxActiveBlocks(blockSize, ldsBytes);
  }
}
