import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { startServer } from "../support/completion-server.js";

const MODEL = "austen-gqa";
const OPENING = "It was the best of all houses, and ";
/** 7 blocks of 16 tokens: three sequences of 47 tokens have 9, or 5 where they share all of their prompts' whole blocks. */
const BLOCKS = 7;

let server: Awaited<ReturnType<typeof startServer>>;
beforeAll(async () => {
  server = await startServer(BLOCKS);
});
afterAll(async () => {
  expect(await server.stop()).toEqual({ status: 0, said: "" });
});

/** The likeliest continuation. */
async function write(prompt: string, options: { max_tokens?: number; stop?: string; echo?: boolean } = {}) {
  const { choices, usage } = await server.client.completions.create({
    ...{ model: MODEL, prompt, temperature: 0, max_tokens: 12, ...options },
  });
  return { text: choices[0]!.text, reason: choices[0]!.finish_reason, usage };
}

async function streamed(prompt: string): Promise<string> {
  const stream = await server.client.completions.create({
    ...{ model: MODEL, prompt, temperature: 0, max_tokens: 12 },
    stream: true,
  });
  let text = "";
  for await (const { choices } of stream) text += choices[0]!.text;
  return text;
}

async function expectAllFree() {
  await vi.waitFor(async () => expect((await server.state()).freeBlocks).toBe(BLOCKS), { timeout: 10_000 });
  expect((await server.state()).sequences).toEqual([]);
}

describe("the completion server, to OpenAI's client", () => {
  it("names its model", async () => {
    expect((await server.client.models.list()).data.map(({ id }) => id)).toEqual([MODEL]);
  });

  it("writes, counts tokens, and streams the same text", async () => {
    const { text, reason, usage } = await write("Emma was ");
    expect(text).toMatch(/^[a-z ]{12}$/);
    expect(reason).toBe("length");
    expect(usage).toEqual({ prompt_tokens: 9, completion_tokens: 12, total_tokens: 21 });
    expect(await streamed("Emma was ")).toBe(text);
    expect((await write("Emma was ", { echo: true })).text).toBe(`Emma was ${text}`);
  });

  it("ends before a stop text, however it is cut into tokens", async () => {
    const { text } = await write("Emma was ");
    const stop = text.slice(5, 8);
    const stopped = await write("Emma was ", { stop });
    expect(stopped.text).toBe(text.slice(0, text.indexOf(stop)));
    expect(stopped.reason).toBe("stop");
    await expectAllFree();
  });

  it("writes several choices, the same ones for the same seed", async () => {
    const request = { model: MODEL, prompt: ["Emma was ", "Mr. Darcy "], n: 2, seed: 7, max_tokens: 8 };
    const texts = async () =>
      (await server.client.completions.create(request)).choices.map(({ index, text }) => [index, text]);
    const first = await texts();
    expect(first.map(([index]) => index)).toEqual([0, 1, 2, 3]);
    expect(new Set(first.map(([, text]) => text)).size).toBe(4);
    expect(await texts()).toEqual(first);
  });

  it("writes for many clients at once what it writes for each alone, sharing prompts and putting sequences aside", async () => {
    const prompts = ["Emma ", "Mr. Elton ", "the ball ", "nobody ", "her aunt "].map((end) => OPENING + end);
    const alone: string[] = [];
    for (const prompt of prompts) alone.push((await write(prompt)).text);
    const before = await server.state();
    const together = await Promise.all([...prompts, ...prompts].map(streamed));
    expect(together).toEqual([...alone, ...alone]);
    const after = await server.state();
    expect(after.prefixes.hitBlocks).toBeGreaterThan(before.prefixes.hitBlocks);
    expect(after.preemptions).toBeGreaterThan(before.preemptions);
    await expectAllFree();
  });

  it("gives a request's blocks back when its client goes", async () => {
    const stream = await server.client.completions.create({
      ...{ model: MODEL, prompt: OPENING, max_tokens: 70, temperature: 0 },
      stream: true,
    });
    for await (const _ of stream) break; // the client closes the connection
    const waiting = new AbortController();
    const request = { model: MODEL, prompt: OPENING, max_tokens: 70 };
    const whole = server.client.completions.create(request, { signal: waiting.signal });
    setTimeout(() => waiting.abort(), 50);
    await expect(whole).rejects.toThrow(OpenAI.APIUserAbortError);
    const { steps } = await server.state();
    await expectAllFree();
    expect((await server.state()).steps - steps).toBeLessThan(30);
  });

  it.each([
    [{ model: "gpt-3.5-turbo-instruct" }, OpenAI.NotFoundError, "model"],
    [{ max_tokens: 0 }, OpenAI.BadRequestError, "max_tokens"],
    [{ max_tokens: 1000 }, OpenAI.BadRequestError, "max_tokens"],
    [{ max_tokens: BLOCKS * 16 - 8 }, OpenAI.BadRequestError, "prompt"],
    [{ prompt: "" }, OpenAI.BadRequestError, "prompt"],
    [{ prompt: [[1, 2]] }, OpenAI.BadRequestError, "prompt"],
    [{ temperature: "1" }, OpenAI.BadRequestError, "temperature"],
    [{ n: 1.5 }, OpenAI.BadRequestError, "n"],
    [{ stop: [1] }, OpenAI.BadRequestError, "stop"],
    [{ stream_options: { verbose: true } }, OpenAI.BadRequestError, "stream_options"],
    [{ logprobs: 2 }, OpenAI.BadRequestError, "logprobs"],
  ] as const)("refuses %j", async (wrong, error, param) => {
    const request = { model: MODEL, prompt: "Emma was ", ...wrong } as never;
    const refused = await server.client.completions.create(request).catch((reason: unknown) => reason);
    expect(refused).toBeInstanceOf(error);
    expect(refused).toHaveProperty("param", param);
  });
});
