/**
 * The LZMA decoder (LZMA SDK, lzma-specification.txt): a range decoder, adaptive probabilities, and a window. It decodes
 * from a piece of input into the window, as far as it is told to, so that work is done in short steps.
 *
 * @module
 */

/** Damage that the decoder sees; its callers say what it is in. */
export class LzmaDamage extends Error {}

/** Properties of a stream. */
export interface LzmaProperties {
  /** The number of high bits of the previous byte that literals depend on. */
  readonly lc: number;
  /** The number of low bits of the position that literals depend on. */
  readonly lp: number;
  /** The number of low bits of the position that everything else depends on. */
  readonly pb: number;
}

/**
 * Decodes the properties byte.
 *
 * @param byte The byte.
 * @returns The properties; `undefined` if it is out of range.
 */
export function propertiesOf(byte: number): LzmaProperties | undefined {
  if (byte >= 9 * 5 * 5) return undefined;
  return { lc: byte % 9, lp: Math.floor(byte / 9) % 5, pb: Math.floor(byte / 45) };
}

/** The most bytes of input that one match or literal takes: its bits, each shifting out at most a byte in eight. */
export const MOST_PER_SYMBOL = 24;

const STATES = 12;
const POSITIONS = 16;
const MATCH_MIN = 2;

// Where each kind of probability starts in the one table
const IS_MATCH = 0;
const IS_REP = IS_MATCH + STATES * POSITIONS;
const IS_REP0 = IS_REP + STATES;
const IS_REP1 = IS_REP0 + STATES;
const IS_REP2 = IS_REP1 + STATES;
const IS_REP0_LONG = IS_REP2 + STATES;
const SLOT = IS_REP0_LONG + STATES * POSITIONS;
const SPECIAL = SLOT + 4 * 64;
const ALIGN = SPECIAL + 128;
const MATCH_LENGTH = ALIGN + 16;
const LENGTH_SIZE = 2 + 2 * POSITIONS * 8 + 256;
const REP_LENGTH = MATCH_LENGTH + LENGTH_SIZE;
const LITERAL = REP_LENGTH + LENGTH_SIZE;
const LITERAL_SIZE = 0x300;

const PROBABILITY_BITS = 11;
const HALF = 1 << (PROBABILITY_BITS - 1);
const TOTAL = 1 << PROBABILITY_BITS;
const ADAPTATION = 5;
const TOP = 2 ** 24;

/** Decodes LZMA. A class, because the state is that of a machine with registers. */
export class LzmaDecoder {
  /** The window: what was decoded last, from its start on again after its end. */
  readonly window: Uint8Array;
  /** Where the next byte goes in the window. */
  position = 0;
  /** Whether the end marker was met. */
  ended = false;
  /** The number of bytes of the window that may be referred to. */
  #full = 0;
  #lc = 0;
  #literalMask = 0;
  #positionMask = 0;
  #probabilities: Uint16Array<ArrayBuffer> = new Uint16Array();
  #state = 0;
  readonly #reps = new Uint32Array(4);
  /** What is left of a match that went past the limit. */
  #left = 0;
  #range = 0;
  #code = 0;
  #input: Uint8Array = new Uint8Array();
  #at = 0;
  /** The number of bytes since the dictionary was reset, for the dependencies on positions. */
  #count = 0;

  /**
   * Creates a decoder.
   *
   * @param windowSize The size of the window in bytes.
   */
  constructor(windowSize: number) {
    this.window = new Uint8Array(windowSize);
  }

  /** Sets the properties, and resets the state. */
  setProperties({ lc, lp, pb }: LzmaProperties): void {
    this.#lc = lc;
    this.#literalMask = (1 << lp) - 1;
    this.#positionMask = (1 << pb) - 1;
    const count = LITERAL + (LITERAL_SIZE << (lc + lp));
    if (this.#probabilities.length !== count) this.#probabilities = new Uint16Array(count);
    this.resetState();
  }

  /** Resets the state and the probabilities. */
  resetState(): void {
    this.#state = 0;
    this.#reps.fill(0);
    this.#left = 0;
    this.#probabilities.fill(HALF);
  }

  /** Forgets what was decoded before. */
  resetDictionary(): void {
    this.#full = 0;
    this.#count = 0;
  }

  /** Starts the range decoder with the first five bytes of its data. */
  startRange(bytes: Uint8Array): void {
    if (bytes[0] !== 0) throw new LzmaDamage("its range coder starts with a byte that is not 0");
    this.#range = 0xffff_ffff;
    this.#code = (bytes[1] << 24 | bytes[2] << 16 | bytes[3] << 8 | bytes[4]) >>> 0;
  }

  /** Whether the range decoder is where an encoder leaves it at the end. */
  isRangeFinished(): boolean {
    return this.#code === 0;
  }

  /** Where it is in the input: past its end if it ran out of it. */
  inputOffset(): number {
    return this.#at;
  }

  /** Whether the last match goes past the limit of the last step. */
  isInMatch(): boolean {
    return this.#left > 0;
  }

  /** Copies stored bytes into the window, at most up to its end. */
  store(bytes: Uint8Array): void {
    this.window.set(bytes, this.position);
    this.#advance(this.position + bytes.length);
  }

  /** Starts over at the beginning of the window if it is full. */
  wrap(): void {
    if (this.position === this.window.length) this.position = 0;
  }

  /**
   * Decodes until the window is filled up to a limit, the input is used up to its safe end, or the end marker is met.
   *
   * @param input The input. Past its end, zeros are read: the caller checks how many.
   * @param start Where to go on in the input.
   * @param safeEnd No symbol is started at or after this offset in the input.
   * @param limit The offset in the window to stop at.
   * @returns Where to go on in the input.
   */
  decode(input: Uint8Array, start: number, safeEnd: number, limit: number): number {
    this.#input = input;
    this.#at = start;
    const from = this.position;
    this.#copyRest(limit);
    while (this.position < limit && this.#at < safeEnd && !this.ended) {
      this.#symbol(from, limit);
    }
    this.#advance(this.position, from);
    return this.#at;
  }

  /** Reads what an encoder flushes at the end; call it once all of the data is decoded. */
  finish(input: Uint8Array, start: number): number {
    this.#input = input;
    this.#at = start;
    this.#normalize();
    return this.#at;
  }

  #advance(position: number, from = this.position): void {
    this.#count += position - from;
    this.#full = Math.min(this.window.length, this.#full + position - from);
    this.position = position;
  }

  /** Decodes a literal, or a match up to the limit. */
  #symbol(from: number, limit: number): void {
    const count = this.#count + this.position - from;
    const positionState = count & this.#positionMask;
    const state = this.#state;
    if (this.#bit(IS_MATCH + (state << 4) + positionState) === 0) return this.#literal(count);
    const reps = this.#reps;
    let length: number;
    if (this.#bit(IS_REP + state) === 0) {
      reps[3] = reps[2];
      reps[2] = reps[1];
      reps[1] = reps[0];
      length = this.#length(MATCH_LENGTH, positionState);
      this.#state = state < 7 ? 7 : 10;
      reps[0] = this.#distance(length);
      if (reps[0] === 0xffff_ffff) {
        this.ended = true;
        return;
      }
    } else if (this.#bit(IS_REP0 + state) === 0) {
      if (this.#bit(IS_REP0_LONG + (state << 4) + positionState) === 0) {
        this.#state = state < 7 ? 9 : 11;
        length = 1 - MATCH_MIN;
      } else {
        length = this.#length(REP_LENGTH, positionState);
        this.#state = state < 7 ? 8 : 11;
      }
    } else {
      let distance: number;
      if (this.#bit(IS_REP1 + state) === 0) {
        distance = reps[1];
      } else {
        if (this.#bit(IS_REP2 + state) === 0) {
          distance = reps[2];
        } else {
          distance = reps[3];
          reps[3] = reps[2];
        }
        reps[2] = reps[1];
      }
      reps[1] = reps[0];
      reps[0] = distance;
      length = this.#length(REP_LENGTH, positionState);
      this.#state = state < 7 ? 8 : 11;
    }
    if (reps[0] >= this.#full + this.position - from || reps[0] >= this.window.length) {
      throw new LzmaDamage("a match refers to bytes before the first");
    }
    this.#left = length + MATCH_MIN;
    this.#copyRest(limit);
  }

  #literal(count: number): void {
    const { window, position } = this;
    const size = window.length;
    const before = count === 0 ? 0 : window[position > 0 ? position - 1 : size - 1];
    const context = ((count & this.#literalMask) << this.#lc) + (before >> (8 - this.#lc));
    const base = LITERAL + LITERAL_SIZE * context;
    let symbol = 1;
    if (this.#state >= 7) {
      const back = position - this.#reps[0] - 1;
      let match = window[back < 0 ? back + size : back] << 1;
      let offset = 0x100;
      while (symbol < 0x100) {
        const expected = match & offset;
        const bit = this.#bit(base + offset + expected + symbol);
        symbol = symbol << 1 | bit;
        offset &= bit ? expected : ~expected;
        match <<= 1;
      }
    } else {
      while (symbol < 0x100) symbol = symbol << 1 | this.#bit(base + symbol);
    }
    window[position] = symbol;
    this.position = position + 1;
    this.#state = this.#state < 4 ? 0 : this.#state < 10 ? this.#state - 3 : this.#state - 6;
  }

  #length(base: number, positionState: number): number {
    if (this.#bit(base) === 0) return this.#tree(base + 2 + (positionState << 3), 3);
    if (this.#bit(base + 1) === 0) return 8 + this.#tree(base + 2 + (POSITIONS + positionState << 3), 3);
    return 16 + this.#tree(base + 2 + 2 * POSITIONS * 8, 8);
  }

  #distance(length: number): number {
    const slot = this.#tree(SLOT + (Math.min(length, 3) << 6), 6);
    if (slot < 4) return slot;
    const count = (slot >> 1) - 1;
    const high = (2 | slot & 1) << count;
    if (slot < 14) return high + this.#reverseTree(SPECIAL + high - slot, count);
    const middle = this.#direct(count - 4) << 4;
    return (high + middle + this.#reverseTree(ALIGN, 4)) >>> 0;
  }

  #tree(base: number, bits: number): number {
    let symbol = 1;
    for (let bit = 0; bit < bits; bit++) symbol = symbol << 1 | this.#bit(base + symbol);
    return symbol - (1 << bits);
  }

  #reverseTree(base: number, bits: number): number {
    let symbol = 1;
    let value = 0;
    for (let at = 0; at < bits; at++) {
      const bit = this.#bit(base + symbol);
      symbol = symbol << 1 | bit;
      value |= bit << at;
    }
    return value;
  }

  #direct(bits: number): number {
    let value = 0;
    for (let bit = 0; bit < bits; bit++) {
      this.#normalize();
      this.#range = this.#range >>> 1;
      const isOne = this.#code >= this.#range ? 1 : 0;
      if (isOne) this.#code = this.#code - this.#range;
      value = value << 1 | isOne;
    }
    return value;
  }

  #bit(index: number): number {
    this.#normalize();
    const probability = this.#probabilities[index];
    const bound = (this.#range >>> PROBABILITY_BITS) * probability;
    if (this.#code < bound) {
      this.#range = bound;
      this.#probabilities[index] = probability + (TOTAL - probability >> ADAPTATION);
      return 0;
    }
    this.#range = this.#range - bound;
    this.#code = this.#code - bound;
    this.#probabilities[index] = probability - (probability >> ADAPTATION);
    return 1;
  }

  #normalize(): void {
    if (this.#range >= TOP) return;
    this.#range = this.#range << 8 >>> 0;
    this.#code = (this.#code << 8 | (this.#at < this.#input.length ? this.#input[this.#at] : 0)) >>> 0;
    this.#at++;
  }

  /** Copies as much of the match at hand as the limit allows. */
  #copyRest(limit: number): void {
    const { window } = this;
    let to = this.position;
    const end = Math.min(limit, to + this.#left);
    let from = to - this.#reps[0] - 1;
    if (from < 0) from += window.length;
    this.#left -= end - to;
    while (to < end) {
      window[to++] = window[from++];
      if (from === window.length) from = 0;
    }
    this.position = to;
  }
}
