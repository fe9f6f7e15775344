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
  | "ERR_EMULATOR_NOT_INSTALLED"
  | "ERR_KERNEL_CORRUPT"
  | "ERR_KERNEL_NOT_FOUND"
  | "ERR_KERNEL_UNTRUSTED"
  | "ERR_DISPOSED"
  | "ERR_OUT_OF_BLOCKS"
  | "ERR_MODEL_NOT_INSTALLED"
  | "ERR_FLEX_TRACE"
  | "ERR_COMPILE";

/** The details of an error beside its code and message. */
export interface ErrorDetails {
  /** The argument that was wrong, as the caller knows it ("query", "numHeads", "blockTable[3]"). */
  argument?: string;
  /** HIP's name of the failure ("hipErrorOutOfMemory"). */
  hipError?: string;
  /** The HIP function that failed ("hipMalloc"). */
  call?: string;
  /** What was thrown below, where this error stands for it. */
  cause?: unknown;
}

/** The one error class of this package. The message says what was expected, what came, and what to do. */
export class RocmAttentionError extends Error {
  /** The name of the class. */
  override readonly name = "RocmAttentionError";
  /** The kind of the error; stable. */
  readonly code: ErrorCode;
  /** The argument that was wrong, as the caller knows it ("query", "blockTable[3]"); absent: none was. */
  readonly argument?: string;
  /** HIP's name of the failure ("hipErrorOutOfMemory"); absent: HIP did not fail. */
  readonly hipError?: string;
  /** The HIP function that failed ("hipMalloc"); absent: none did. */
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

/**
 * A value as an error message shows it: short, and with its type where the value alone does not say it. Never throws,
 * whatever the value's own code does.
 */
export function describe(value: unknown): string {
  try {
    return shown(value, 2);
  } catch {
    return "a value that cannot be shown";
  }
}

const LONGEST = 80;

function shown(value: unknown, depth: number): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(short(value));
    case "bigint":
      return BigInt.asIntN(256, value) === value ? `${value}n` : "a bigint of more than 256 bits";
    case "function":
      return typeof value.name === "string" && value.name !== ""
        ? `function ${short(value.name)}`
        : "a function";
    case "object":
      if (value === null) return "null";
      if (Array.isArray(value)) return shownArray(value, depth);
      return shownObject(value);
    default:
      return short(String(value));
  }
}

function short(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text;
}

function shownArray(value: readonly unknown[], depth: number): string {
  if (depth === 0) return "[...]";
  const elements: string[] = [];
  for (let index = 0; index < Math.min(value.length, 8); index++) {
    elements.push(index in value ? shown(value[index], depth - 1) : "(empty)");
  }
  const rest = value.length > 8 ? `, ... ${value.length} in all` : "";
  return `[${elements.join(", ")}${rest}]`;
}

function shownObject(value: object): string {
  const name = value.constructor?.name;
  if (typeof name !== "string" || name === "" || name === "Object") return "an object";
  const one = withArticle(short(name));
  if (ArrayBuffer.isView(value)) return `${one} of ${value.byteLength} bytes`;
  if (value instanceof Error) return `${one} (${short(String(value.message))})`;
  return one;
}

/** "a Tensor", "an Attention", "a Uint8Array". */
export function withArticle(name: string): string {
  return `${/^([AEIO]|U(?!int|ni))/.test(name) ? "an" : "a"} ${name}`;
}
