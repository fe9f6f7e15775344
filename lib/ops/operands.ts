import { checkInstance } from "../arguments.js";
import { Tensor } from "../device/tensor.js";
import { type DType, itemSize } from "../dtype.js";
import { invalidArgument } from "../errors.js";

/** Rows are loaded in pieces of 16 bytes, or of 8 elements where these are less. */
const ALIGNMENT_BYTES = 16;
const PIECE_ELEMENTS = 8;

export interface ExpectedRows {
  dtype: DType;
  /** Tokens that the call may touch; a tensor may hold more (padding). */
  tokens: number;
  heads: number;
  headSize: number;
  /** Elements from token to token must be fewer. Default: 2^31. */
  maxTokenStride?: number;
}

/** Something on the device that a tensor is to be on. */
export interface OnDevice {
  readonly device: unknown;
}

/** Checks a tensor of token rows, [tokens, heads, headSize] with any aligned token stride. */
export function checkRows(value: unknown, argument: string, at: OnDevice, expected: ExpectedRows): Tensor {
  const tensor = checkTensor(value, argument, at, expected.dtype);
  const { tokens, heads, headSize, maxTokenStride = 2 ** 31 } = expected;
  const { shape, strides } = tensor;
  if (shape.length !== 3 || shape[0]! < tokens || shape[1] !== heads || shape[2] !== headSize) {
    throw invalidArgument(argument, `shape [tokens >= ${tokens}, ${heads}, ${headSize}]`, shape);
  }
  const multiple = Math.min(PIECE_ELEMENTS, ALIGNMENT_BYTES / itemSize(expected.dtype));
  const isToken = isStride(strides[0]!, multiple, maxTokenStride);
  if (strides[2] !== 1 || !isStride(strides[1]!, multiple, 2 ** 31) || !isToken) {
    const below = (limit: number) => `a multiple of ${multiple} below 2^${Math.log2(limit)}`;
    const wanted = `strides [${below(maxTokenStride)}, ${below(2 ** 31)}, 1] (elements)`;
    throw invalidArgument(argument, wanted, strides);
  }
  if (tokens > 0 && tensor.alignment % ALIGNMENT_BYTES !== 0) {
    throw invalidArgument(
      argument,
      `memory aligned to ${ALIGNMENT_BYTES} bytes`,
      `0x${tensor.pointer.toString(16)}`,
    );
  }
  return tensor;
}

function isStride(stride: number, multiple: number, limit: number): boolean {
  return stride % multiple === 0 && stride < limit;
}

/** Checks the tensor for the result: token rows, no two of which share memory. */
export function checkOutput(value: unknown, argument: string, at: OnDevice, expected: ExpectedRows): Tensor {
  const tensor = checkRows(value, argument, at, expected);
  const token = tensor.strides[0]!;
  const head = tensor.strides[1]!;
  const { tokens, heads, headSize } = expected;
  const headsWithinToken = head >= headSize && token >= (heads - 1) * head + headSize;
  const tokensWithinHead = token >= headSize && head >= (tokens - 1) * token + headSize;
  if (tokens > 1 ? headsWithinToken || tokensWithinHead : heads === 1 || head >= headSize) return tensor;
  throw invalidArgument(argument, "strides by which rows do not overlap", tensor.strides);
}

/** Checks a tensor of token vectors, [tokens, size] with any aligned token stride. */
export function checkVectors(
  value: unknown,
  argument: string,
  at: OnDevice,
  { dtype, tokens, size }: { dtype: DType; tokens: number; size: number },
): Tensor {
  const tensor = checkTensor(value, argument, at, dtype);
  const { shape, strides } = tensor;
  if (shape.length !== 2 || shape[0]! < tokens || shape[1] !== size) {
    throw invalidArgument(argument, `shape [tokens >= ${tokens}, ${size}]`, shape);
  }
  const rows = tensor.view({ shape: [shape[0]!, 1, size], strides: [strides[0]!, strides[0]!, strides[1]!] });
  checkRows(rows, argument, at, { dtype, tokens, heads: 1, headSize: size });
  return tensor;
}

/** Checks the tensor for log-sum-exp: float32 [tokens, heads], contiguous. */
export function checkLse(
  value: unknown,
  argument: string,
  at: OnDevice,
  tokens: number,
  heads: number,
): Tensor {
  const tensor = checkTensor(value, argument, at, "float32");
  if (tensor.shape.length !== 2 || tensor.shape[0]! < tokens || tensor.shape[1] !== heads) {
    throw invalidArgument(argument, `shape [tokens >= ${tokens}, ${heads}]`, tensor.shape);
  }
  if (!tensor.contiguous) throw invalidArgument(argument, "a contiguous tensor", `strides ${tensor.strides}`);
  return tensor;
}

/** Checks a scale: a positive number or a tensor float32 [1]. `taken`: whether there is anything to scale, or why not. */
export function checkScale(
  value: unknown,
  argument: string,
  at: OnDevice,
  taken: true | string,
): Tensor | number | null {
  if (value === undefined) return null;
  if (taken !== true) throw invalidArgument(argument, `undefined (${taken})`, value);
  if (typeof value === "number") {
    if (Number.isFinite(Math.fround(value)) && Math.fround(value) > 0) return value;
    throw invalidArgument(argument, "a positive number within float32's range", value);
  }
  const tensor = checkTensor(value, argument, at, "float32");
  if (tensor.shape.length !== 1 || tensor.shape[0] !== 1) {
    throw invalidArgument(argument, "shape [1]", tensor.shape);
  }
  return tensor;
}

/** Checks a tensor of a dtype on the device of `at`, such as a batch. */
export function checkTensor(value: unknown, argument: string, at: OnDevice, dtype: DType): Tensor {
  const tensor = checkInstance(value, argument, Tensor);
  void tensor.pointer; // ERR_DISPOSED
  if (tensor.device !== at.device) {
    throw invalidArgument(argument, "a tensor on the attention's device", "one on another device");
  }
  if (tensor.dtype !== dtype) throw invalidArgument(argument, `dtype ${dtype}`, tensor.dtype);
  return tensor;
}
