// What a client of /v1/completions may ask for, as OpenAI's API has it, checked.

/** An error as OpenAI's clients understand it. */
export class ApiError extends Error {
  /**
   * @param {400 | 404 | 500} status
   * @param {string} message
   * @param {string | null} param  The parameter that was wrong.
   */
  constructor(status, message, param = null) {
    super(message);
    this.status = status;
    this.param = param;
  }

  toJSON() {
    const type = this.status === 500 ? "server_error" : "invalid_request_error";
    return { error: { message: this.message, type, param: this.param, code: null } };
  }
}

/**
 * @typedef {object} Completion
 * @property {Buffer[]} prompts
 * @property {number} maxTokens
 * @property {number} temperature
 * @property {number} n
 * @property {number} seed
 * @property {string[]} stop
 * @property {boolean} echo
 * @property {boolean} stream
 * @property {boolean} includeUsage
 */

/** Parameters of OpenAI's that this server has, with their defaults there. */
const DEFAULTS = {
  ...{ model: undefined, prompt: undefined, max_tokens: 16, temperature: 1, n: 1, seed: undefined },
  ...{ stop: [], echo: false, stream: false, stream_options: {}, user: undefined },
};

/**
 * Checks a request's body. Throws ApiError: parameters that are not known are refused, not passed over.
 * @param {unknown} body
 * @param {{ model: string, maxLength: number }} server
 * @returns {Completion}
 */
export function parseCompletion(body, { model, maxLength }) {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new ApiError(400, "expected a JSON object");
  }
  const unknown = Object.keys(body).find((key) => !Object.hasOwn(DEFAULTS, key));
  if (unknown !== undefined) throw new ApiError(400, `this server does not support ${unknown}`, unknown);
  const given = Object.entries(body).filter(([, value]) => value !== null);
  const request = { ...DEFAULTS, ...Object.fromEntries(given) };
  if (request.model !== model) {
    throw new ApiError(404, `there is no model ${JSON.stringify(request.model)}, but ${model}`, "model");
  }
  const prompts = textsOf(request.prompt, "prompt", 16).map((text) => Buffer.from(text));
  const maxTokens = number(request.max_tokens, "max_tokens", 1, maxLength, Number.isInteger);
  for (const { length } of prompts) {
    if (length === 0) throw new ApiError(400, "expected a prompt that is not empty", "prompt");
    if (length + maxTokens > maxLength) {
      const has = `this prompt has ${length} bytes and max_tokens is ${maxTokens}`;
      throw new ApiError(400, `the model's context is ${maxLength} tokens: ${has}`, "prompt");
    }
  }
  const options = flags(request.stream_options, "stream_options", ["include_usage"]);
  return {
    prompts,
    maxTokens,
    temperature: number(request.temperature, "temperature", 0, 2),
    n: number(request.n, "n", 1, 8, Number.isInteger),
    seed: number(request.seed ?? Math.floor(Math.random() * 2 ** 31), "seed", 0, 2 ** 31, Number.isInteger),
    stop: textsOf(request.stop, "stop", 4).filter((text) => text !== ""),
    echo: flag(request.echo, "echo"),
    stream: flag(request.stream, "stream"),
    includeUsage: flag(options.include_usage ?? false, "stream_options.include_usage"),
  };
}

/**
 * A text or a list of texts.
 * @param {unknown} value
 * @param {string} name
 * @param {number} most
 * @returns {string[]}
 */
function textsOf(value, name, most) {
  const texts = Array.isArray(value) ? value : [value];
  if (texts.length > most || texts.some((text) => typeof text !== "string")) {
    throw new ApiError(400, `expected a text, or at most ${most} of them, for ${name}`, name);
  }
  return texts;
}

/**
 * @param {unknown} value
 * @param {string} name
 * @param {number} low
 * @param {number} high
 * @param {(value: number) => boolean} isRight
 */
function number(value, name, low, high, isRight = Number.isFinite) {
  if (typeof value === "number" && isRight(value) && value >= low && value <= high) return value;
  const kind = isRight === Number.isInteger ? "a whole number" : "a number";
  throw new ApiError(400, `expected ${kind} from ${low} to ${high} for ${name}`, name);
}

/**
 * @param {unknown} value
 * @param {string} name
 */
function flag(value, name) {
  if (typeof value === "boolean") return value;
  throw new ApiError(400, `expected true or false for ${name}`, name);
}

/**
 * @param {unknown} value
 * @param {string} name
 * @param {string[]} keys
 * @returns {Record<string, unknown>}
 */
function flags(value, name, keys) {
  if (typeof value === "object" && value !== null && Object.keys(value).every((key) => keys.includes(key))) {
    return /** @type {Record<string, unknown>} */ (value);
  }
  throw new ApiError(400, `expected an object with ${keys.join(", ")} for ${name}`, name);
}
