import { expect, it } from "vitest";
import { createSequence } from "../../../lib/cli/demo/scheduler.js";
import { Transcript } from "../../../lib/cli/demo/transcript.js";

const sequence = (id: number, prompt: string, tokens: number) =>
  createSequence(id, Buffer.from(prompt), tokens, () => 0);

it("shows one text as it grows", () => {
  const one = sequence(0, "Emma ", 4);
  const shown: string[] = [];
  const transcript = new Transcript([one], (text) => shown.push(text), false);
  for (const byte of Buffer.from("was ")) {
    transcript.update();
    one.bytes.push(byte);
  }
  transcript.update();
  expect(shown).toEqual(["Emma ", "w", "a", "s", " ", "\n"]);
});

it("shows texts that are written together one after the other", () => {
  const [one, two, three] = [sequence(0, "A", 2), sequence(1, "B", 1), sequence(2, "C", 3)] as const;
  let shown = "";
  const transcript = new Transcript(
    [one, two, three],
    (text) => {
      shown += text;
    },
    false,
  );
  for (const each of [one, two, three]) each.bytes.push(0x31);
  transcript.update();
  expect(shown).toBe("[1] A1");
  for (const each of [one, three]) each.bytes.push(0x32);
  transcript.update();
  expect(shown).toBe("[1] A12\n\n[2] B1\n\n[3] C12");
  transcript.end();
  expect(shown).toBe("[1] A12\n\n[2] B1\n\n[3] C12\n");
});

it("decodes characters of several bytes and keeps control characters from the terminal", () => {
  const one = sequence(0, "", 4);
  let shown = "";
  const write = (text: string) => {
    shown += text;
  };
  const transcript = new Transcript([one], write, true);
  for (const byte of [0xc3, 0xa9, 0x1b, 0x0a]) {
    one.bytes.push(byte);
    transcript.update();
  }
  expect(shown).toBe("é\ufffd\n\n");
});
