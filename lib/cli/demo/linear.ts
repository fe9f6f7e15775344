/** A weight matrix [rows, columns], row-major: a linear layer without bias from `columns` to `rows` features. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
}

/**
 * Returns input x weight^T, [tokens, weight.rows], for `input` [tokens, weight.columns].
 * Four weight rows are multiplied at a time, so that a value of the input is loaded once for four sums.
 */
export function linear(input: Float32Array, weight: Matrix): Float32Array {
  const { rows, columns, values } = weight;
  const tokens = input.length / columns;
  const output = new Float32Array(tokens * rows);
  for (let row = 0; row < rows; row += 4) {
    const first = row * columns;
    const second = first + columns;
    const third = second + columns;
    const fourth = third + columns;
    for (let token = 0; token < tokens; token++) {
      const base = token * columns;
      let a = 0;
      let b = 0;
      let c = 0;
      let d = 0;
      for (let column = 0; column < columns; column++) {
        const value = input[base + column]!;
        a += value * values[first + column]!;
        b += value * values[second + column]!;
        c += value * values[third + column]!;
        d += value * values[fourth + column]!;
      }
      const at = token * rows + row;
      output[at] = a;
      output[at + 1] = b;
      output[at + 2] = c;
      output[at + 3] = d;
    }
  }
  return output;
}

/** Adds `addend` to `sum` in place: the residual connection. */
export function add(sum: Float32Array, addend: Float32Array): void {
  for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + addend[i]!;
}

/** RMSNorm over rows of `weight.length` features: x / sqrt(mean(x^2) + 1e-5) * weight. */
export function rmsNorm(input: Float32Array, weight: Float32Array): Float32Array {
  const size = weight.length;
  const output = new Float32Array(input.length);
  for (let base = 0; base < input.length; base += size) {
    let squares = 0;
    for (let i = 0; i < size; i++) squares += input[base + i]! ** 2;
    const factor = 1 / Math.sqrt(squares / size + 1e-5);
    for (let i = 0; i < size; i++) output[base + i] = input[base + i]! * factor * weight[i]!;
  }
  return output;
}

/** SwiGLU's activation: gate * sigmoid(gate) * up, element by element. */
export function swiGlu(gate: Float32Array, up: Float32Array): Float32Array {
  return gate.map((value, i) => (value / (1 + Math.exp(-value))) * up[i]!);
}

/**
 * Rotary position embedding, in place: of `heads` heads per token, the pairs (i, i + headSize / 2) are rotated by
 * position * 10000^(-2i / headSize).
 */
export function rotate(values: Float32Array, positions: Int32Array, heads: number, headSize: number): void {
  const half = headSize / 2;
  for (let i = 0; i < half; i++) {
    const frequency = 10000 ** (-i / half);
    for (let token = 0; token < positions.length; token++) {
      const cosine = Math.cos(positions[token]! * frequency);
      const sine = Math.sin(positions[token]! * frequency);
      for (let head = 0; head < heads; head++) {
        const at = (token * heads + head) * headSize + i;
        const low = values[at]!;
        const high = values[at + half]!;
        values[at] = low * cosine - high * sine;
        values[at + half] = high * cosine + low * sine;
      }
    }
  }
}
