import { readFileSync } from "node:fs";
import { toFloat16 } from "../../lib/dtype.js";
import { Expressions, SCALARS, TYPES, VECTORS } from "./random-expressions.js";
import { Random } from "./reference.js";

// Random programs in C++ whose results are defined to the last bit, to be compiled for an AMD GPU and for x86-64.

/** Work-items of a launch, in workgroups whose second wave is not full. */
export const ITEMS = 576;
export const GROUP = 96;
/** Of each work-item: dwords that a kernel reads, qwords that it writes. */
export const INPUTS = 16;
export const OUTPUTS = 32;

const prelude = readFileSync(new URL("random-program.h", import.meta.url), "utf8");

/** Writes functions, each of which can call those before it. */
class Writer {
  readonly lines: string[] = [];
  readonly #random: Random;
  readonly #functions: { name: string; parameters: string[]; result: string }[] = [];
  readonly #expressions: Expressions;
  #names = 0;
  #nesting = 0;

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.#expressions = new Expressions(this.#random);
  }

  kernel(k: number): void {
    const kind = this.#random.pick(["static __attribute__((noinline))", "static inline"]);
    this.#braces(`${kind} void body${k}(const u32* shared, const u32* input, u64* output)`, () => {
      for (const type of [...SCALARS, ...VECTORS, ...SCALARS]) {
        // The work-items agree on what they load from `shared`.
        const source = this.#random.uniform() < 0.7 ? "input" : "shared";
        this.#declare(type, `number(load<${type}>(${source} + ${2 * this.#random.below(INPUTS / 2)}))`);
      }
      const inputs = this.#expressions.variables.length;
      while (this.#expressions.variables.length < inputs + OUTPUTS) this.#statement();
      for (const [i, { name }] of this.#expressions.variables.slice(-OUTPUTS).entries()) {
        this.#line(`output[${i}] = bits(${name});`);
      }
    });
    this.#line(`KERNEL(${k})`);
  }

  callee(): void {
    const parameters = Array.from({ length: 1 + this.#random.below(12) }, () => this.#random.pick(TYPES));
    const variables = parameters.map((type) => ({ name: this.#newName(), type }));
    const list = variables.map(({ name, type }) => `${type} ${name}`).join(", ");
    const [name, result] = [this.#newName(), this.#random.pick(TYPES)];
    this.#braces(`static __attribute__((noinline)) ${result} ${name}(${list})`, () => {
      this.#expressions.variables.push(...variables);
      for (let i = 0; i < 8; i++) this.#statement();
      this.#line(`return ${this.#expressions.of(result)};`);
    });
    this.#functions.push({ name, parameters, result });
  }

  #statement(): void {
    const x = this.#random.uniform();
    const type = this.#random.pick(TYPES);
    if (x < 0.08) this.#branch();
    else if (x < 0.13) this.#loop();
    else if (x < 0.17) this.#switch();
    else if (x < 0.22) this.#array(type);
    else if (x < 0.26 && this.#functions.length > 0) this.#call();
    else if (x < 0.36) this.#line(this.#assignment());
    else this.#declare(type, this.#expressions.of(type));
  }

  #declare(type: string, value: string): void {
    const name = this.#newName();
    this.#line(`${type} ${name} = ${value};`);
    this.#expressions.variables.push({ name, type });
  }

  #assignment(): string {
    const { name, type } = this.#random.pick(this.#expressions.variables);
    return `${name} = ${this.#expressions.of(type)};`;
  }

  #branch(): void {
    this.#braces(`if (${this.#expressions.condition()})`, () => this.#block());
    if (this.#random.uniform() < 0.5) this.#braces("else", () => this.#block());
  }

  #loop(): void {
    const [i, end] = [this.#newName(), `${this.#expressions.operand("u32")} & ${this.#random.pick([3, 7])}`];
    this.#braces(`for (u32 ${i} = 0, end = ${end}; ${i} < end; ${i}++)`, () => {
      this.#declare("u32", i);
      if (this.#random.uniform() < 0.3) this.#line(`if (${this.#expressions.condition()}) break;`);
      this.#block();
    });
  }

  #block(): void {
    const count = this.#nesting > 3 ? 0 : this.#random.below(4);
    for (let i = 0; i < count; i++) this.#statement();
    this.#line(this.#assignment());
  }

  /** Every case ends with break: clang 22 miscompiles some that go on with the next one for AMD GPUs. */
  #switch(): void {
    const cases = 2 + this.#random.below(6);
    this.#braces(`switch (${this.#expressions.operand("u32")} % ${cases + 1})`, () => {
      for (let i = 0; i < cases; i++) {
        this.#line(`case ${i}: ${this.#assignment()} break;`);
      }
    });
  }

  /** Small arrays become registers, large ones stay in scratch memory. */
  #array(type: string): void {
    const [name, size] = [this.#newName(), this.#random.pick([4, 16, 64])];
    const values = Array.from({ length: 3 }, () => this.#expressions.operand(type));
    const element = () => `${name}[${this.#expressions.operand("u32")} & ${size - 1}]`;
    this.#line(`${type} ${name}[${size}] = {${values.join(", ")}};`);
    for (let i = 0; i < 3; i++) this.#line(`${element()} = ${this.#expressions.operand(type)};`);
    for (let i = 0; i < 2; i++) this.#declare(type, element());
    this.#expressions.variables.push({ name: `${name}[${this.#random.below(size)}]`, type });
  }

  #call(): void {
    const { name, parameters, result } = this.#random.pick(this.#functions);
    this.#declare(result, `${name}(${parameters.map((type) => this.#expressions.operand(type)).join(", ")})`);
  }

  /** Writes a line and, between braces, what has a scope of its own. */
  #braces(line: string, body: () => void): void {
    const outside = this.#expressions.variables.length;
    this.#line(`${line} {`);
    this.#nesting++;
    body();
    this.#nesting--;
    this.#line("}");
    this.#expressions.variables.length = outside;
  }

  #line(text: string): void {
    this.lines.push("  ".repeat(this.#nesting) + text);
  }

  #newName(): string {
    return `v${this.#names++}`;
  }
}

/** C++ of kernels kernel0, kernel1, ...: the same for the same seed. */
export function randomProgram(seed: number, kernels: number): string {
  const writer = new Writer(seed);
  for (let i = 0; i < 3; i++) writer.callee();
  for (let k = 0; k < kernels; k++) writer.kernel(k);
  const bodies = Array.from({ length: kernels }, (_, k) => `body${k}`);
  return [
    ...[
      `#define ITEMS ${ITEMS}`,
      `#define GROUP ${GROUP}`,
      `#define INPUTS ${INPUTS}`,
      `#define OUTPUTS ${OUTPUTS}`,
    ],
    ...[prelude, ...writer.lines, `PROGRAM(${bodies.join(", ")})`, ""],
  ].join("\n");
}

const EDGES = [
  ...[0, 1, 2, 31, 32, 63, 64, 0x7fffffff, 0x80000000, 0xffffffff],
  ...[0x3c000001, 0x7c00fc00, 0x000103ff, 0x80010400, 0x7bff8000], // pairs of f16
  ...[0x3f800000, 0x7f800000, 0xff800000, 0x80000001, 0x007fffff, 0x00800000, 0x7f7fffff, 0x4f000000], // f32
  ...[0x3ff00000, 0x7ff00000, 0xfff00000, 0x000fffff, 0x00100000, 0x7fefffff, 0x43e00000], // the upper half of f64
];

/** Dwords for all work-items: integers and floats of every width and size, and the edges of each. */
export function randomInput(seed: number): Int32Array<ArrayBuffer> {
  const random = new Random(~seed);
  const data = new DataView(new ArrayBuffer(4 * INPUTS * ITEMS));
  const number = () => {
    const near1 = (random.uniform() - 0.5) * 2 ** random.below(12);
    return random.uniform() < 0.5 ? near1 : Math.round(2 * near1) / 2;
  };
  const bits = () => random.below(2 ** 32);
  const fillers: [size: number, fill: (at: number) => void][] = [
    [4, (at) => data.setUint32(at, random.pick(EDGES), true)],
    [4, (at) => data.setUint32(at, bits(), true)],
    [
      8,
      (at) => data.setBigUint64(at, BigInt(bits() * 2 ** random.below(32)) >> BigInt(random.below(64)), true),
    ],
    [2, (at) => data.setUint16(at, toFloat16(number()), true)],
    [4, (at) => data.setFloat32(at, number(), true)],
    [8, (at) => data.setFloat64(at, number(), true)],
  ];
  for (let qword = 0; qword < data.byteLength; qword += 8) {
    const [size, fill] = random.pick(fillers);
    for (let at = qword; at < qword + 8; at += size) fill(at);
  }
  return new Int32Array(data.buffer);
}
