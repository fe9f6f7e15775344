import fc from "fast-check";
import { expect, it } from "vitest";
import { TextPieces } from "../../examples/completion-server/text.mjs";

/** The pieces of a text that comes byte by byte, and whether a stop text ended it. */
function piecesOf(text: string, stop: string[]) {
  const pieces = new TextPieces(stop);
  const made: string[] = [];
  for (const byte of Buffer.from(text)) {
    const { text: piece, ended } = pieces.add(byte);
    made.push(piece);
    if (ended) return { made, ended };
  }
  return { made: [...made, pieces.rest()], ended: false };
}

const letters = fc.string({ unit: fc.constantFrom("a", "b", "é", "😀"), maxLength: 20 });

it("are whole characters, and together the text before the first stop text that is complete", () => {
  fc.assert(
    fc.property(
      letters,
      fc.array(fc.string({ unit: fc.constantFrom("a", "b", "é", "😀"), minLength: 1, maxLength: 3 })),
      (text, stop) => {
        const { made, ended } = piecesOf(text, stop);
        const complete = (of: string) => {
          const at = text.indexOf(of);
          return at < 0 ? [] : [{ at, end: at + of.length }];
        };
        const [first] = stop.flatMap(complete).sort((one, other) => one.end - other.end || one.at - other.at);
        expect(made.join("")).toBe(first === undefined ? text : text.slice(0, first.at));
        expect(ended).toBe(first !== undefined);
        for (const piece of made) expect(piece).not.toContain("\uFFFD");
      },
    ),
  );
});

it("come at once where nothing is in doubt", () => {
  expect(piecesOf("abc", ["xyz"]).made).toEqual(["a", "b", "c", ""]);
  expect(piecesOf("axyb", ["xyz"]).made).toEqual(["a", "", "", "xyb", ""]);
});

it("show bytes that are no text as such, when that is certain", () => {
  const pieces = new TextPieces([]);
  expect([pieces.add(0xc3), pieces.add(0x28)].map(({ text }) => text)).toEqual(["", "\uFFFD("]);
  pieces.add(0xf0);
  expect(pieces.rest()).toBe("\uFFFD");
});
