import type { Random } from "./reference.js";

// Random expressions in C++ whose results are defined to the last bit, in the words of random-program.h.

const INTEGERS = ["i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64"];
const FLOATS = ["f16", "f32", "f64"];
export const VECTORS = ["i16x2", "u16x2", "u8x4", "f16x2", "f32x2"];
export const SCALARS = [...INTEGERS, ...FLOATS];
/** The types of variables; those that registers hold are more frequent. */
export const TYPES = [
  ...SCALARS,
  ...VECTORS,
  "i32",
  "i32",
  "u32",
  "u32",
  "i64",
  "u64",
  "f16",
  "f32",
  "f32",
  "f64",
];

const binary = (...operators: string[]) => operators.map((operator) => `$a ${operator} $b`);
const builtins = (args: string, ...names: string[]) =>
  names.map((name) => `__builtin_elementwise_${name}(${args})`);

// Forms of expressions of a type; `#replacement` says what the words behind $ stand for.
const CONDITION = [
  ...binary("<", "<=", "==", "!=", ">", ">=", "<", ">"),
  "$condition & $condition",
  "$condition | $condition",
  ...["0x003", "0x204", "0x090", "0x060", "0x11b"].map((kinds) => `__builtin_isfpclass($float, ${kinds})`),
];
const INTEGER = [
  ...binary("+", "-", "*", "&", "|", "^"),
  ...["$a * $b + $c", "$a + $b + $c", "($a ^ $b) + $c", "($a & $b) | $c", "($a & $b) | (~$a & $c)"],
  ...["~$a", "-$a", "$a << ($b & $mask)", "$a >> ($b & $mask)", "($a << $bit) + $b", "($a + $b) << $bit"],
  ...["($a >> $bit) & $literal", "quotient($a, $b)", "remainder($a, $b)", "$a > $b ? $a - $b : $b - $a"],
  ...["$condition", "$condition ? $a : $b", "$condition ? $a : $b"],
  ...["$T($integer)", "$T($integer)", "$T(bits($any))", "convert<$T>($float)", "convert<$T>($float)"],
  ...builtins("$a, $b", "min", "max", "add_sat", "sub_sat"),
  ...builtins("$a", "popcount", "bitreverse"),
  "__builtin_elementwise_max($a, __builtin_elementwise_min($b, $c))",
  ...["__builtin_clzg($U($a), $width)", "__builtin_ctzg($U($a), $width)"],
  "__builtin_rotateleft$width($U($a), $U($b))",
];
const WIDE = [...INTEGER, "__builtin_bswap$width($U($a))", "($D($a) * $b) >> $width"];
/** Without the sign of a zero: the compiler may take v_min, for which -0 is less than 0. */
const LESSER = "unsignedZero($a < $b ? $a : $b)";
const FLOAT = [
  ...binary("+", "-", "*", "/", "+", "-", "*"),
  ...["$a * $b + $c", "fused($a, $b, $c)", "-$a", "$a - __builtin_elementwise_floor($a)"],
  ...["$condition ? $a : $b", LESSER, "unsignedZero($a > $b ? $a : $b)"],
  ...builtins("$a", "abs", "floor", "ceil", "trunc", "roundeven", "sqrt"),
  ...builtins("$a, $b", "minimum", "maximum"),
  "__builtin_elementwise_copysign($a, number($b))",
  "number(__builtin_bit_cast($T, $bits))",
];
const VECTOR = [
  ...binary("+", "-", "*"),
  ...["$a * $b + $c", "$T{$elements}", "__builtin_shufflevector($a, $b, $lanes)"],
];
const INTEGER_VECTOR = [
  ...VECTOR,
  ...["$a < $b ? $a : $b", "$a & $b", "$a ^ $b", "$a << ($b & $E($mask))", "$a >> ($b & $E($mask))"],
  ...builtins("$a, $b", "min", "max", "add_sat", "sub_sat"),
];
const FLOAT_VECTOR = [...VECTOR, LESSER, "fused($a, $b, $c)"];

const FORMS: Record<string, string[]> = {
  i8: INTEGER,
  u8: [...INTEGER, "$u8x4[$lane]"],
  i16: [...WIDE, "$i16x2[$lane]"],
  u16: [...WIDE, "$u16x2[$lane]"],
  i32: [...WIDE, "($a << 8 >> 8) * ($b << 8 >> 8) + $c"],
  u32: [...WIDE, "($a & 0xffffff) * ($b & 0xffffff) + $c"],
  i64: [...WIDE, "$T($i32) * $i32 + $a"],
  u64: [...WIDE, "$T($u32) * $u32 + $a"],
  // Integers by way of f32, as AMD GPUs round them. A product -0 may become 0 when it is rounded from f32.
  f16: [
    ...FLOAT,
    "$T(f32($integer))",
    "unsignedZero($T($float))",
    "unsignedZero($T($float))",
    "$f16x2[$lane]",
  ],
  f32: [...FLOAT, "$T($scalar)", "$T($scalar)", "$f32x2[$lane]", "fused($T($f16), $T($f16), $a)"],
  f64: [...FLOAT, "$T($scalar)", "$T($scalar)"],
  i16x2: INTEGER_VECTOR,
  u16x2: INTEGER_VECTOR,
  u8x4: INTEGER_VECTOR,
  f16x2: FLOAT_VECTOR,
  f32x2: FLOAT_VECTOR,
};

/** Floats without 0: compilers for AMD GPUs turn 0 - x into -x. */
const FLOAT_EDGES: Record<string, string[]> = {
  f16: ["1", "-0.5", "2", "1025", "6e4", "-6.2e-5", "6e-5", "1e-7"],
  f32: ["1", "-0.5", "2", "3.25e7", "3e38", "-1.2e-38", "1e-38", "1e-45"],
  f64: ["1", "-0.5", "2", "3.25e17", "1e308", "-2.3e-308", "1e-308", "5e-324"],
};

export interface Variable {
  readonly name: string;
  readonly type: string;
}

const width = (scalar: string) => Number(scalar.slice(1));

export class Expressions {
  /** What can be named. */
  variables: Variable[] = [];

  constructor(private readonly random: Random) {}

  condition(): string {
    return this.#expand(this.random.pick(CONDITION), this.random.pick(SCALARS));
  }

  /** An expression that converts to `type`. */
  of(type: string): string {
    return this.#expand(this.random.pick(FORMS[type]!), type);
  }

  /** A variable, a literal or, in parentheses, an expression of `type`. */
  operand(type: string): string {
    const x = this.random.uniform();
    if (x < 0.15) return `${type}(${this.of(type)})`;
    const known = this.variables.filter((variable) => variable.type === type);
    if (x < 0.25 || known.length === 0) return this.#literal(type);
    return this.random.pick(this.random.uniform() < 0.7 ? known.slice(-3) : known).name;
  }

  #literal(type: string): string {
    const { random } = this;
    const element = type.replace(/x\d$/, "");
    const literal = FLOATS.includes(element)
      ? random.pick([random.pick(FLOAT_EDGES[element]!), (random.uniform() * 20 - 10).toFixed(4)])
      : this.#integer(width(element));
    return element === type ? `${type}(${literal})` : `${type}(${element}(${literal}))`;
  }

  #integer(bits: number): bigint {
    const power = 1n << BigInt(this.random.below(bits));
    const any = BigInt(this.random.below(2 ** 32)) * 0x1_0000_0001n;
    return BigInt.asUintN(bits, this.random.pick([0n, 1n, power, power - 1n, ~power, any]));
  }

  /** Fills in a form. $a, $b and $c stay the same within it and are mostly different. */
  #expand(form: string, type: string): string {
    const operands = new Map<string, string>();
    return form.replace(/\$([a-z]\w*)/gi, (_, word: string) => {
      if (!/^[abc]$/.test(word)) return this.#replacement(word, type);
      let text = operands.get(word) ?? this.operand(type);
      if (!operands.has(word) && [...operands.values()].includes(text)) text = this.operand(type);
      operands.set(word, text);
      return text;
    });
  }

  #replacement(word: string, type: string): string {
    const [element, count = 1] = type.split(/x(?=\d$)/) as [string, number?];
    const { random } = this;
    const bits = width(element);
    const times = (text: () => unknown) => Array.from({ length: Number(count) }, text).join(", ");
    const texts: Record<string, () => unknown> = {
      T: () => type,
      E: () => element,
      U: () => `u${bits}`,
      D: () => `${type[0]}${2 * bits}`,
      width: () => bits,
      mask: () => bits - 1,
      bit: () => random.below(bits),
      lane: () => random.below(2),
      lanes: () => times(() => random.below(2 * Number(count))),
      literal: () => this.#literal(type),
      condition: () => `(${this.condition()})`,
      elements: () => times(() => this.operand(element)),
      bits: () => this.operand(`u${bits}`),
      integer: () => this.operand(random.pick(INTEGERS)),
      float: () => this.operand(random.pick(FLOATS)),
      scalar: () => this.operand(random.pick(SCALARS)),
      any: () => this.operand(random.pick(TYPES)),
    };
    return String(texts[word]?.() ?? this.operand(word));
  }
}
