export { DTYPES, type DType, itemSize } from "./dtype.js";
export { type ErrorCode, RocmAttentionError } from "./errors.js";
