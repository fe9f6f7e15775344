/** Every code that a {@link RocmAttentionError} can carry. They are stable: programs may switch on them. */
export type ErrorCode =
  | "ERR_INVALID_ARGUMENT"
  | "ERR_INVALID_BACKEND"
  | "ERR_BACKEND_UNSUPPORTED"
  | "ERR_NO_BACKEND"
  | "ERR_AITER_NOT_INSTALLED"
  | "ERR_NO_DEVICE"
  | "ERR_ADDON"
  | "ERR_HIP_LIBRARY"
  | "ERR_HIP"
  | "ERR_OUT_OF_MEMORY"
  | "ERR_DEVICE_FAULT"
  | "ERR_NO_KERNELS_FOR_ARCH"
  | "ERR_KERNEL_CORRUPT"
  | "ERR_KERNEL_NOT_FOUND"
  | "ERR_DISPOSED"
  | "ERR_OUT_OF_BLOCKS";

/** What an error knows beside its code and message. */
export interface ErrorDetails {
  /** The argument that was wrong, as the caller knows it ("query", "numHeads", "blockTable[3]"). */
  argument?: string;
  /** HIP's name of the failure ("hipErrorOutOfMemory"). */
  hipError?: string;
  /** The HIP function that failed ("hipMalloc"). */
  call?: string;
  cause?: unknown;
}

/** The one error class of this package. The message says what was expected, what came, and what to do. */
export class RocmAttentionError extends Error {
  override readonly name = "RocmAttentionError";
  readonly code: ErrorCode;
  readonly argument?: string;
  readonly hipError?: string;
  readonly call?: string;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    if (details.argument !== undefined) this.argument = details.argument;
    if (details.hipError !== undefined) this.hipError = details.hipError;
    if (details.call !== undefined) this.call = details.call;
  }
}

/** Makes the error for a wrong argument, so that all of them read alike: "expected ... for ..., received ...". */
export function invalidArgument(argument: string, expected: string, received: unknown): RocmAttentionError {
  return new RocmAttentionError(
    "ERR_INVALID_ARGUMENT",
    `expected ${expected} for ${argument}, received ${describe(received)}`,
    { argument },
  );
}

/** Writes a value as an error message shows it: short, and with its type where the value alone does not say it. */
export function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return value.name ? `function ${value.name}` : "a function";
  if (Array.isArray(value)) {
    const shown = value.slice(0, 8).map(describe).join(", ");
    return value.length > 8 ? `[${shown}, ... ${value.length} in all]` : `[${shown}]`;
  }
  if (ArrayBuffer.isView(value)) return `a ${value.constructor.name} of ${value.byteLength} bytes`;
  if (typeof value === "object" && value !== null) {
    const name = value.constructor?.name;
    return name && name !== "Object" ? `a ${name}` : "an object";
  }
  return String(value);
}
