import { readFileSync } from "node:fs";
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import { createSampler } from "../../dist/cli/demo/sampler.js";
import { explanationText } from "../../dist/cli/explain/text.js";
import { ApiError, parseCompletion } from "./requests.mjs";
import { TextPieces } from "./text.mjs";

/**
 * @import { Engine } from "./engine.mjs"
 * @import { Completion } from "./requests.mjs"
 */

const PAGE = readFileSync(new URL("page.html", import.meta.url), "utf8");

/**
 * A choice's next piece of text, with the reason for its end where it is the last.
 * @typedef {{ index: number, text: string, finish_reason: "stop" | "length" | null }} Piece
 */

/**
 * The HTTP server: /v1/completions and /v1/models as OpenAI's clients speak them, and a page that shows what goes on.
 * @param {Engine} engine
 * @param {string} model
 */
export function createServer(engine, model) {
  const app = new Hono();
  const { attention } = engine.made;
  const explanation = explanationText(attention.explanation, { width: 100, color: false });
  const { name, arch, emulated } = attention.device.info;
  const about = {
    model,
    backend: attention.backend,
    device: emulated ? `${arch}, emulated` : name,
    explanation,
  };

  app.get("/", (context) => context.html(PAGE));
  app.get("/about", (context) => context.json(about));
  app.get("/state", (context) => context.json(engine.state()));
  app.get("/v1/models", (context) =>
    context.json({
      object: "list",
      data: [{ id: model, object: "model", created: 0, owned_by: "rocm-attention" }],
    }),
  );
  app.post("/v1/completions", async (context) => {
    const body = await context.req.json().catch(() => null);
    const request = parseCompletion(body, { model, maxLength: engine.maxLength });
    const head = {
      id: `cmpl-${crypto.randomUUID()}`,
      object: "text_completion",
      created: Math.floor(Date.now() / 1000),
      model,
    };
    const ended = new AbortController();
    context.req.raw.signal.addEventListener("abort", () => ended.abort());
    /** @param {(piece: Piece) => Promise<void>} write */
    const complete = async (write) => {
      const written = await Promise.all(
        Array.from({ length: request.prompts.length * request.n }, (_, index) =>
          writeChoice(engine, request, index, ended.signal, write),
        ),
      );
      return usageOf(request, written);
    };
    if (!request.stream) {
      const { choices, usage } = await whole(complete);
      return context.json({ ...head, choices, usage });
    }
    return streamSSE(context, async (stream) => {
      stream.onAbort(() => ended.abort());
      /** @param {object} event */
      const send = (event) => stream.writeSSE({ data: JSON.stringify(event) });
      try {
        const usage = await complete((piece) => send({ ...head, choices: [{ ...piece, logprobs: null }] }));
        if (request.includeUsage) await send({ ...head, choices: [], usage });
        await stream.writeSSE({ data: "[DONE]" });
      } catch (error) {
        await send(new ApiError(500, String(error)));
      }
    });
  });

  app.notFound((context) => context.json(new ApiError(404, `there is no ${context.req.path}`), 404));
  app.onError((error, context) => {
    const known = error instanceof ApiError ? error : new ApiError(500, error.message);
    return context.json(known, known.status);
  });
  return app;
}

/**
 * Writes one choice of a request, piece by piece, until it is complete or the signal comes; gives its number of tokens.
 * @param {Engine} engine
 * @param {Completion} request
 * @param {number} index
 * @param {AbortSignal} signal
 * @param {(piece: Piece) => Promise<void>} write
 */
async function writeChoice(engine, request, index, signal, write) {
  const { maxTokens, temperature, seed, stop, echo, n } = request;
  const prompt = request.prompts[Math.floor(index / n)];
  const sample = createSampler(temperature, seed + (index % n));
  const reader = engine.submit(prompt, { maxTokens, sample }).getReader();
  const cancel = () => void reader.cancel(); // the sequence's blocks become free
  signal.addEventListener("abort", cancel);
  if (signal.aborted) cancel();
  const pieces = new TextPieces(stop);
  let tokens = 0;
  if (echo) await write({ index, text: prompt.toString(), finish_reason: null });
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    tokens++;
    const { text, ended } = pieces.add(next.value);
    if (ended) {
      cancel();
      await write({ index, text, finish_reason: "stop" });
      return tokens;
    }
    if (text !== "") await write({ index, text, finish_reason: null });
  }
  await write({ index, text: pieces.rest(), finish_reason: "length" });
  return tokens;
}

/**
 * The choices as one answer.
 * @param {(write: (piece: Piece) => Promise<void>) => Promise<object>} complete
 */
async function whole(complete) {
  /** @type {(Piece & { logprobs: null })[]} */ const choices = [];
  const usage = await complete(async ({ index, text, finish_reason }) => {
    choices[index] ??= { index, text: "", finish_reason, logprobs: null };
    choices[index].text += text;
    choices[index].finish_reason = finish_reason;
  });
  return { choices, usage };
}

/**
 * @param {Completion} request
 * @param {number[]} written  Tokens of each choice.
 */
function usageOf({ prompts }, written) {
  const prompt_tokens = prompts.reduce((sum, { length }) => sum + length, 0);
  const completion_tokens = written.reduce((sum, tokens) => sum + tokens, 0);
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
}
