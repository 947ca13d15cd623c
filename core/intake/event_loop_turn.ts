/**
 * Letting the event loop have a turn, which promises alone never do.
 *
 * @module
 */

/**
 * Waits for the event loop's next turn, in which timers run and aborts arrive. A message takes far less time than a
 * `setTimeout()` of 0, which takes a millisecond or more.
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
