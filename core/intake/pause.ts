/**
 * Pauses in long work, so that an abort is heard while the processor is busy.
 *
 * @module
 */

import { messageTurn, timersTurn } from "./event_loop_turn.ts";

/** How long to work without a turn of the event loop, in milliseconds. */
const TURN_AFTER = 20;

/**
 * A pause in long work: call it between steps of at most a few milliseconds, and await what it returns. If 20 ms have
 * passed since the last turn of the event loop, that is a promise of the next turn, which rejects with the signal's
 * reason after an abort; otherwise `undefined`.
 */
export type Pause = () => Promise<void> | undefined;

/**
 * Creates the pause of a load.
 *
 * @param signal What to look at after each turn. Without one, turns are shorter: there is no abort to wait for.
 * @returns The pause.
 */
export function pauses(signal?: AbortSignal): Pause {
  let lastTurn = performance.now();
  const turn = async (): Promise<void> => {
    await (signal ? timersTurn() : messageTurn()); // awaiting settled promises alone would let no abort in
    lastTurn = performance.now();
    signal?.throwIfAborted();
  };
  return () => performance.now() - lastTurn > TURN_AFTER ? turn() : undefined;
}
