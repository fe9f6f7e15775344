import { invalidArgument, RocmAttentionError } from "../errors.js";
import type { NativeKernel, NativeModule } from "../native.js";
import type { CodeObject } from "./code-object.js";
import type { Device } from "./device.js";

/** A code object on a device, made by `device.loadModule(bytes)`. It stays loaded until dispose() or close(). */
export class Module {
  #disposed = false;
  readonly #kernels = new Map<string, Kernel>();

  /** @internal */
  constructor(
    readonly device: Device,
    private readonly native: NativeModule,
    private readonly codeObject: CodeObject,
  ) {}

  /** The symbols of the kernels in it. */
  get symbols(): string[] {
    return [...this.codeObject.kernels.keys()];
  }

  get disposed(): boolean {
    return this.#disposed || this.device.closed;
  }

  /** The kernel of that symbol; ERR_KERNEL_NOT_FOUND where the code object has none. */
  kernel(symbol: string): Kernel {
    if (this.disposed) {
      throw new RocmAttentionError("ERR_DISPOSED", "the module was used after its dispose()");
    }
    const known = this.#kernels.get(symbol);
    if (known !== undefined) return known;
    if (typeof symbol !== "string") throw invalidArgument("symbol", "a string", symbol);
    const facts = this.codeObject.kernels.get(symbol);
    if (facts === undefined) {
      throw new RocmAttentionError(
        "ERR_KERNEL_NOT_FOUND",
        `the code object has no kernel ${JSON.stringify(symbol)}; it has ${this.symbols.join(", ") || "none"}`,
        { argument: "symbol" },
      );
    }
    const kernel = new Kernel(this, symbol, facts, this.native.kernel(symbol, facts.kernargBytes));
    this.#kernels.set(symbol, kernel);
    return kernel;
  }

  /** Unloads after the work that is enqueued now; its kernels cannot be launched any more. Idempotent. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.native.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** What the code object itself says of a kernel. */
export interface KernelFacts {
  /** Bytes of the whole argument segment, hidden arguments included. */
  kernargBytes: number;
  /** Bytes up to the end of the last argument that the caller gives. */
  explicitKernargBytes: number;
  /** LDS that every workgroup has, without the launch's own. */
  ldsBytes: number;
}

/** One function of a module that a stream can launch. */
export class Kernel {
  readonly kernargBytes: number;
  readonly explicitKernargBytes: number;
  readonly ldsBytes: number;

  /** @internal */
  constructor(
    readonly module: Module,
    readonly symbol: string,
    facts: KernelFacts,
    /** @internal */
    readonly native: NativeKernel,
  ) {
    this.kernargBytes = facts.kernargBytes;
    this.explicitKernargBytes = facts.explicitKernargBytes;
    this.ldsBytes = facts.ldsBytes;
  }

  /** How many workgroups of `blockSize` work-items and `ldsBytes` of dynamic LDS a compute unit runs at once. */
  maxActiveBlocks(blockSize: number, ldsBytes = 0): number {
    if (!Number.isInteger(blockSize) || blockSize < 1 || blockSize > 1024) {
      throw invalidArgument("blockSize", "an integer between 1 and 1024", blockSize);
    }
    if (!Number.isInteger(ldsBytes) || ldsBytes < 0 || ldsBytes > 2 ** 20) {
      throw invalidArgument("ldsBytes", "an integer between 0 and 2^20", ldsBytes);
    }
    return this.native.maxActiveBlocks(blockSize, ldsBytes);
  }
}
