import { invalidArgument } from "../../errors.js";
import { type Json, merged } from "./json.js";

/** The short names of vLLM's options, and one that AMD's documentation has. */
const SHORT_NAMES: Readonly<Record<string, string>> = {
  "--tp": "--tensor-parallel-size",
  "-ac": "--attention-config",
  "-asc": "--api-server-count",
  "-cc": "--compilation-config",
  "-dcp": "--decode-context-parallel-size",
  "-dp": "--data-parallel-size",
  "-dpa": "--data-parallel-address",
  "-dpb": "--data-parallel-backend",
  "-dpe": "--data-parallel-external-lb",
  "-dph": "--data-parallel-hybrid-lb",
  "-dpl": "--data-parallel-size-local",
  "-dpn": "--data-parallel-rank",
  "-dpp": "--data-parallel-rpc-port",
  "-dpr": "--data-parallel-start-rank",
  "-n": "--nnodes",
  "-O": "--compilation-config",
  "-pcp": "--prefill-context-parallel-size",
  "-pp": "--pipeline-parallel-size",
  "-q": "--quantization",
  "-r": "--node-rank",
  "-tp": "--tensor-parallel-size",
};

/**
 * The words of a `vllm serve` command line in one spelling, as its parser reads them: underscores and short names become
 * long names with dashes, the beginning of a single name that name, and -O3 and --option.key value what they stand for.
 */
export function plainWords(words: readonly string[], names: readonly string[]): string[] {
  const plain: string[] = [];
  const objects = new Map<string, Json>();
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    if (!/^-\D/.test(word)) {
      plain.push(word);
      continue;
    }
    const [key, inline] = splitOnce(optimizationLevel(word, words[index + 1]), "=");
    const [name, path] = splitOnce(key, ".");
    const long = fullName(name, names);
    if (path === undefined) {
      plain.push(inline === undefined ? long : `${long}=${inline}`);
      continue;
    }
    const value = inline ?? words[++index];
    if (value === undefined) throw invalidArgument(word, "a value", value);
    objects.set(long, merged(objects.get(long) ?? {}, nested(path, value)));
  }
  return [...plain, ...[...objects].map(([name, value]) => `${name}=${JSON.stringify(value)}`)];
}

/** -O3, -O=3 and "-O 3" are levels; -O.mode and -O with JSON are parts of the compilation's configuration. */
function optimizationLevel(word: string, next: string | undefined): string {
  if (word === "-O") return /^[0-3]$/.test(next ?? "") ? "--optimization-level" : word;
  const level = /^-O=?([^.=].*)$/.exec(word)?.[1];
  return level === undefined ? word : `--optimization-level=${level}`;
}

function fullName(name: string, names: readonly string[]): string {
  const short = SHORT_NAMES[name];
  if (short !== undefined) return short;
  if (!name.startsWith("--")) return name;
  const long = `--${name.slice(2).replaceAll("_", "-")}`;
  if (names.includes(long)) return long;
  const longer = names.filter((candidate) => candidate.startsWith(long));
  return long !== "--" && longer.length === 1 ? longer[0]! : long;
}

/** "a.b" and a value, which may be JSON, as { a: { b: value } }; "a+" and "1,2" as { a: ["1", "2"] }. */
function nested(path: string, text: string): Json {
  const isList = path.endsWith("+");
  const keys = (isList ? path.slice(0, -1) : path).split(".");
  const value: unknown = isList ? text.split(",") : parsed(text);
  return keys.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Json;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function splitOnce(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + separator.length)];
}
