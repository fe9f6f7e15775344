import { expect } from "vitest";

/** Matches a RocmAttentionError by its code and by words that its message has in this order (regular expressions). */
export function coded(code: string, ...words: string[]) {
  return expect.objectContaining({
    name: "RocmAttentionError",
    code,
    message: expect.stringMatching(new RegExp(words.join(".*"), "s")),
  });
}
