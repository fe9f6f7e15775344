/** A JSON object: a model's config.json, or an object in it. */
export type Json = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An object with the values of another over its own; objects within are merged likewise. */
export function merged(base: Json, over: Json): Json {
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const own = result[key];
    const both = isObject(own) && isObject(value) ? merged(own, value) : value;
    Object.defineProperty(result, key, { value: both, enumerable: true, configurable: true, writable: true });
  }
  return result;
}
