/**
 * A client for QMP (QEMU documentation, "QEMU Machine Protocol Specification").
 *
 * @module
 */

/** Something that happened in QEMU. */
export interface QmpEvent {
  /** Its name, such as "SHUTDOWN". */
  readonly event: string;
  /** More about it. */
  readonly data?: Readonly<Record<string, unknown>>;
}

/** A connection to QEMU. */
export interface Qmp {
  /** Runs a command and resolves to what it returns. Rejects if QEMU refuses it or goes away. */
  readonly execute: (command: string, args?: Readonly<Record<string, unknown>>) => Promise<unknown>;
  /** Closes the connection. */
  readonly close: () => void;
}

interface Answer {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Opens QMP over a connection that QEMU has made.
 *
 * @param connection The connection; QEMU greets first.
 * @param onEvent Called with every event from now on.
 * @returns The connection, ready for commands.
 * @throws {Error} If QEMU goes away.
 */
export async function openQmp(connection: Deno.Conn, onEvent: (event: QmpEvent) => void): Promise<Qmp> {
  const waiting: Answer[] = [];
  const greeted = Promise.withResolvers<unknown>();
  waiting.push(greeted);
  const listening = (async (): Promise<void> => {
    for await (const message of messages(connection)) {
      if ("event" in message) onEvent(message as unknown as QmpEvent);
      else if ("error" in message) waiting.shift()?.reject(new Error(JSON.stringify(message.error)));
      else waiting.shift()?.resolve(message.return);
    }
  })();
  const gone = (): void => waiting.splice(0).forEach(({ reject }) => reject(new Error("QEMU went away")));
  listening.then(gone, gone);
  await greeted.promise;
  const encoder = new TextEncoder();
  let closed = false;
  const execute: Qmp["execute"] = async (command, args = {}) => {
    const answer = Promise.withResolvers<unknown>();
    answer.promise.catch(() => {}); // QEMU may go away while the command is still being written
    waiting.push(answer);
    if (closed) gone();
    const line = encoder.encode(JSON.stringify({ execute: command, arguments: args }) + "\n");
    for (let left = line; left.length > 0;) left = left.subarray(await connection.write(left));
    return await answer.promise;
  };
  await execute("qmp_capabilities");
  const close = (): void => {
    closed = true;
    try {
      connection.close();
    } catch {
      // QEMU closed it first
    }
  };
  return { execute, close };
}

/** The messages of a connection: one JSON object per line. */
async function* messages(connection: Deno.Conn): AsyncGenerator<Readonly<Record<string, unknown>>> {
  let rest = "";
  for await (const text of connection.readable.pipeThrough(new TextDecoderStream(), { preventCancel: true })) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") yield JSON.parse(line);
  }
}
