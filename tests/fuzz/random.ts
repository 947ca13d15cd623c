/** Random choices that a seed and the number of a case determine. */

/** A source of random choices. */
export interface Random {
  /** An integer from 0 to `end - 1`. */
  readonly below: (end: number) => number;
  /** True with this probability. */
  readonly chance: (probability: number) => boolean;
  /** One of the values. */
  readonly pick: <const T>(values: readonly T[]) => T;
  /** One of the values, each as often as its weight says. */
  readonly weighted: <const T>(rows: readonly (readonly [weight: number, value: T])[]) => T;
  /** A 64-bit number. */
  readonly word: () => bigint;
  /** Random bytes. */
  readonly bytes: (length: number) => Uint8Array<ArrayBuffer>;
}

/** Opens the choices of one case. Cases with neighbouring numbers have nothing in common. */
export function randomOf(seed: number, index: number): Random {
  const state = new Uint32Array([seed, index, 0x9e3779b9, 1]);
  const next = (): number => {
    // sfc32 (Doty-Humphrey): a small generator of good quality with a counter.
    const sum = (state[0] + state[1] + state[3]) >>> 0;
    state[3] += 1;
    state[0] = state[1] ^ (state[1] >>> 9);
    state[1] = state[2] + (state[2] << 3);
    state[2] = ((state[2] << 21) | (state[2] >>> 11)) + sum;
    return sum;
  };
  for (let round = 0; round < 12; round++) next();
  const below = (end: number): number => Math.floor((next() / 2 ** 32) * end);
  return {
    below,
    chance: (probability) => next() / 2 ** 32 < probability,
    pick: (values) => values[below(values.length)],
    weighted: (rows) => {
      let rest = (next() / 2 ** 32) * rows.reduce((sum, [weight]) => sum + weight, 0);
      for (const [weight, value] of rows) {
        rest -= weight;
        if (rest < 0) return value;
      }
      return rows[0][1];
    },
    word: () => (BigInt(next()) << 32n) | BigInt(next()),
    bytes: (length) => {
      const words = new Uint32Array(Math.ceil(length / 4));
      for (let at = 0; at < words.length; at++) words[at] = next();
      return new Uint8Array(words.buffer, 0, length);
    },
  };
}
