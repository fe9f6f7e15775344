import { native } from "../native.js";

/**
 * The highest of the first `counts[row]` numbers of all `rows` rows of a table, whose rows begin `columns` apart: -1 where
 * there is none, 2^32 - 1 where one is negative. Native code looks at several numbers at once.
 */
export function highestOfRows(table: Int32Array, columns: number, counts: Int32Array, rows: number): number {
  return native().highestOfRows(table, columns, counts, rows);
}
