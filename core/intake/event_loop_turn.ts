/**
 * Yields to the event loop, which awaiting promises alone never does.
 *
 * @module
 */

/**
 * Waits for the next turn of the event loop, in which timers run and aborts arrive. A message is much faster than
 * `setTimeout(0)`, which takes at least a millisecond.
 *
 * @returns A promise that resolves in that turn.
 */
export function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
