/** Choices that a seed determines. */

import { mix } from "../../../core/random.ts";

/** Makes choices, one after the other. */
export interface Choices {
  /** A whole number from 0 up to, without, a bound. */
  readonly below: (bound: number) => number;
  /** One of several values. */
  readonly of: <T>(values: readonly T[]) => T;
  /** Whether something happens that does once in so many times. */
  readonly once: (times: number) => boolean;
}

/** Starts making choices. */
export function choices(seed: number): Choices {
  let state = mix(BigInt(seed));
  const below = (bound: number): number => {
    state = mix(state);
    return Number(state % BigInt(bound));
  };
  return { below, of: (values) => values[below(values.length)], once: (times) => below(times) === 0 };
}
