/**
 * Yields to the event loop, which awaiting promises alone never does.
 *
 * @module
 */

/**
 * Waits until timers that are due have run, and signals have arrived. It takes a millisecond. A message would be much
 * faster, but Deno handles work and messages for hundreds of milliseconds before it looks at its timers.
 *
 * @returns A promise that resolves then.
 */
export function timersTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/**
 * Waits for a turn of the event loop, in which input and output go on.
 *
 * @returns A promise that resolves in that turn.
 */
export function messageTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
