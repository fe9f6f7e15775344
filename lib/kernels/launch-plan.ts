import type { Kernarg, KernelRow } from "../catalog/manifest.js";
import { enqueue } from "../device/enqueue.js";
import type { Kernel } from "../device/module.js";
import type { Stream } from "../device/stream.js";
import { invalidArgument } from "../errors.js";
import { traceEnd, traceStart } from "./trace.js";

/**
 * A kernel's arguments, laid out once, and its launches. Constants are set when the plan is made; setters of all else write
 * straight to their place, so that a launch costs no lookup and no allocation.
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
    this.#unset = new Set(row.kernargs.map(nameOf));
  }

  /** The kernel's row in its manifest. */
  get row(): KernelRow {
    return this.#row;
  }

  /** The names of the kernel's arguments, as this package calls them. */
  get argumentNames(): string[] {
    return this.#row.kernargs.map(nameOf);
  }

  /** The setter of an argument: of a device address as a bigint, of anything else as a number. It does not check ranges. */
  setter(name: string): (value: bigint | number) => void {
    const kernarg = this.#kernargOf(name);
    const { offset, type } = kernarg;
    const view = this.#view;
    switch (type) {
      case "pointer":
        return (value) => view.setBigUint64(offset, value as bigint, true);
      case "float32":
        return (value) => view.setFloat32(offset, value as number, true);
      case "int32":
        return (value) => view.setInt32(offset, value as number, true);
      case "int64":
        return (value) => {
          view.setInt32(offset, value as number, true); // by halves: a bigint would be allocated
          view.setInt32(offset + 4, Math.floor((value as number) / 2 ** 32), true);
        };
    }
  }

  /** The elements of an argument that is a list, to be written to: int32 or int64. */
  list(name: string): Int32Array | BigInt64Array {
    const { type, offset, count = 1 } = this.#kernargOf(name);
    const List = type === "int32" ? Int32Array : BigInt64Array;
    return new List(this.#bytes.buffer as ArrayBuffer, offset, count);
  }

  #kernargOf(name: string): Kernarg {
    const kernarg = this.#row.kernargs.find((row) => nameOf(row) === name);
    if (kernarg === undefined) {
      throw invalidArgument(
        "name",
        `an argument of ${this.#row.id} (${this.argumentNames.join(", ")})`,
        name,
      );
    }
    this.#unset.delete(name);
    return kernarg;
  }

  /** Sets arguments that stay. Names that the kernel has not are passed over: variants of one source differ in them. */
  set(values: Readonly<Record<string, number | bigint>>): this {
    for (const [name, value] of Object.entries(values)) {
      const kernarg = this.#row.kernargs.find((row) => nameOf(row) === name);
      if (kernarg === undefined) continue;
      checkRange(kernarg, value);
      this.setter(name)(value);
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
    const trace = traceStart(stream);
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
    if (trace !== null) traceEnd(this.#row, stream, trace);
  }
}

function nameOf({ name, as = name }: Kernarg): string {
  return as;
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
