// `npm run bench:completions`: many clients of the example's completion server at once, on this machine, each writing one text
// after the other. What it prints is the emulator's speed and the host's, unless there is a GPU.
//
//     npm run bench:completions -- --clients 16 --requests 4 --tokens 32
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { parseWords, refuseWords } from "../scripts/setup/words.mjs";

const usage =
  "npm run bench:completions -- [--clients 8] [--requests 2] [--tokens 16]    each from 1 to 400; requests of a client";
const { values } = parseWords(usage, {
  options: {
    clients: { type: "string", default: "8" },
    requests: { type: "string", default: "2" },
    tokens: { type: "string", default: "16" },
  },
});
const [clients, requests, max_tokens] = [values.clients, values.requests, values.tokens].map((text) => {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1 && number <= 400) return number;
  return refuseWords(`expected a whole number from 1 to 400, received ${text}`, usage);
});

// One of the packages that the set-up of `npm test` installs.
const { OpenAI } = createRequire(new URL("../test/package.json", import.meta.url))("openai");

const main = fileURLToPath(new URL("../examples/completion-server/main.mjs", import.meta.url));
const server = spawn(process.execPath, [main], {
  env: { ...process.env, PORT: "0" },
  stdio: ["ignore", "pipe", "inherit"],
});
const said = await new Promise((resolve) =>
  server.stdout.once("data", (text) => resolve(String(text).trim())),
);
const client = new OpenAI({ baseURL: `${/http:\S+\d/.exec(said)[0]}/v1`, apiKey: "none", maxRetries: 0 });
const model = (await client.models.list()).data[0].id;
console.log(said);

/** Milliseconds to the first token of a text, and to its last. */
const times = [];

/** One client: its requests one after the other. Half of the clients begin alike. */
async function write(number) {
  const prompt =
    number % 2 === 0 ? "It is a truth universally acknowledged, that " : `Chapter ${number}: Mrs. Bennet `;
  for (let request = 0; request < requests; request++) {
    const start = performance.now();
    let first = null;
    const stream = await client.completions.create({ model, prompt, max_tokens, stream: true });
    for await (const _ of stream) first ??= performance.now() - start;
    times.push({ first, last: performance.now() - start });
  }
}

const start = performance.now();
await Promise.all(Array.from({ length: clients }, (_, number) => write(number)));
const seconds = (performance.now() - start) / 1000;
server.kill("SIGTERM");

const texts = clients * requests;
const at = (name, part) => {
  const sorted = times.map((time) => time[name]).sort((one, other) => one - other);
  return `${sorted[Math.floor(part * (sorted.length - 1))].toFixed(0)} ms`;
};
console.log(`${clients} clients, ${texts} texts of ${max_tokens} tokens in ${seconds.toFixed(1)} s`);
console.log(`${((texts * max_tokens) / seconds).toFixed(1)} tokens/s`);
console.log(`first token: median ${at("first", 0.5)}, 99 % within ${at("first", 0.99)}`);
console.log(`whole text:  median ${at("last", 0.5)}, 99 % within ${at("last", 0.99)}`);
