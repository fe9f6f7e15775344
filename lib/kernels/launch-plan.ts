import type { Kernarg, KernelRow } from "../catalog/manifest.js";
import { enqueue } from "../device/enqueue.js";
import type { Kernel } from "../device/module.js";
import type { Stream } from "../device/stream.js";
import { invalidArgument } from "../errors.js";
import { traceEnd, traceStart } from "./trace.js";

/** Writes one argument of a plan. */
export type KernargSetter<T> = (value: T) => void;

/**
 * A kernel's arguments, laid out once, and its launches. What stays the same is set when the plan is made; setters for what
 * changes write straight to their place, so that a launch costs no lookup and no allocation.
 */
export class LaunchPlan {
  readonly #kernel: Kernel;
  readonly #row: KernelRow;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #unset: Set<string>;

  constructor(kernel: Kernel, row: KernelRow) {
    this.#kernel = kernel;
    this.#row = row;
    const end = row.kernargs.reduce((most, { offset, size }) => Math.max(most, offset + size), 0);
    this.#bytes = new Uint8Array(Math.max(end, kernel.explicitKernargBytes));
    this.#view = new DataView(this.#bytes.buffer);
    this.#unset = new Set(row.kernargs.map(({ name }) => name));
  }

  /** The kernel's row in its manifest. */
  get row(): KernelRow {
    return this.#row;
  }

  /** Whether the kernel takes an argument of that name. */
  has(name: string): boolean {
    return this.#row.kernargs.some((kernarg) => kernarg.name === name);
  }

  /** The setter of a device address; null (and nothing to do) where the kernel has no such argument. */
  pointer(name: string): KernargSetter<bigint> {
    const kernarg = this.#find(name, "pointer");
    if (kernarg === undefined) return () => {};
    const { offset } = kernarg;
    this.#unset.delete(name);
    return (value) => this.#view.setBigUint64(offset, value, true);
  }

  /** The setter of a number; it does not check ranges. */
  number(name: string): KernargSetter<number> {
    const kernarg = this.#find(name, "number");
    if (kernarg === undefined) return () => {};
    this.#unset.delete(name);
    const { offset, type } = kernarg;
    if (type === "float32") return (value) => this.#view.setFloat32(offset, value, true);
    if (type === "int32") return (value) => this.#view.setInt32(offset, value, true);
    return (value) => this.#view.setBigInt64(offset, BigInt(value), true);
  }

  /** Sets arguments that stay. Names that the kernel has not are passed over: variants of one source differ in them. */
  set(values: Readonly<Record<string, number | bigint>>): this {
    for (const [name, value] of Object.entries(values)) {
      const kernarg = this.#row.kernargs.find((row) => row.name === name);
      if (kernarg === undefined) continue;
      checkRange(kernarg, value);
      if (typeof value === "bigint") this.pointer(name)(value);
      else this.number(name)(value);
    }
    return this;
  }

  /** Throws where an argument has neither a value nor a setter: it would be zero by accident. */
  complete(): this {
    if (this.#unset.size === 0) return this;
    throw invalidArgument(
      "kernargs",
      `values for all arguments of ${this.#row.id}`,
      `none for ${[...this.#unset].join(", ")}`,
    );
  }

  /** Enqueues the kernel with the arguments as they are now. */
  launch(stream: Stream, gridX: number, gridY = 1, gridZ = 1): void {
    const start = traceStart(stream);
    enqueue(
      stream,
      this.#kernel,
      gridX,
      gridY,
      gridZ,
      this.#row.workgroupSize,
      this.#row.ldsBytes,
      this.#bytes,
    );
    if (start !== null) traceEnd(this.#row, stream, start);
  }

  #find(name: string, kind: "pointer" | "number"): Kernarg | undefined {
    const kernarg = this.#row.kernargs.find((row) => row.name === name);
    if (kernarg !== undefined && (kernarg.type === "pointer") !== (kind === "pointer")) {
      throw invalidArgument(name, `a value of type ${kernarg.type} in ${this.#row.id}`, kind);
    }
    return kernarg;
  }
}

function checkRange({ name, type }: Kernarg, value: number | bigint): void {
  if (type === "pointer") {
    if (typeof value !== "bigint") throw invalidArgument(name, "a device address (bigint)", value);
  } else if (type === "float32") {
    if (typeof value !== "number" || Number.isNaN(value)) throw invalidArgument(name, "a number", value);
  } else if (type === "int32") {
    if (typeof value !== "number" || (value | 0) !== value)
      throw invalidArgument(name, "a 32-bit integer", value);
  } else if (!Number.isSafeInteger(value)) {
    throw invalidArgument(name, "an integer", value);
  }
}
