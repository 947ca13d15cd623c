/**
 * The protocol that debuggers speak with stubs (GDB documentation, "Remote Serial Protocol").
 *
 * @module
 */

/** A connection to a stub. */
export interface GdbRemote {
  /**
   * Sends a packet and resolves to the answer. Rejects if the stub is silent, goes away, or says what is not a packet,
   * and with the signal's reason after an abort.
   */
  readonly ask: (packet: string) => Promise<string>;
  /** Resolves to the next packet, if an answer has several. */
  readonly next: () => Promise<string>;
  /**
   * Sends the last packets at once, also after an abort, and waits a moment until they are answered: if a connection is
   * closed with answers on their way, the stub may lose what was sent. What comes before an answer to the first of them
   * is skipped: nobody waits for it any more.
   */
  readonly finish: (packets: readonly string[], isFirst: (answer: string) => boolean) => Promise<void>;
  /** Whether the stub said, unasked, that the guest has stopped. */
  readonly saidStopped: () => boolean;
  /** The same stub, whose waits another signal ends. */
  readonly under: (signal: AbortSignal) => GdbRemote;
}

/** Why a stub cannot be used. */
export class StubError extends Error {
  /** Whether nothing came in time. */
  readonly isSilent: boolean;
  /** What to do about it, if something helps. */
  readonly hint?: string;

  /**
   * Creates an error.
   *
   * @param message What is wrong, as the end of a sentence.
   * @param isSilent Whether nothing came in time.
   * @param hint What to do about it.
   */
  constructor(message: string, isSilent = false, hint?: string) {
    super(message);
    this.isSilent = isSilent;
    this.hint = hint;
  }
}

/** The most characters that come without a packet among them. */
const MOST_NOISE = 2 ** 16;

/** What is wrong with a stub whose answers are no packets. */
const NO_PROTOCOL = "what is there does not speak gdb's remote protocol";

/** How long to wait for the answers to the last packets, in milliseconds. */
const LAST_PATIENCE = 1000;

/** A packet: what is in it, and its checksum. */
const PACKET = /\$([^#$]*)#([0-9a-fA-F]{2})/;

/**
 * Waits for work, unless it takes too long or is no longer wanted.
 *
 * @param work Starts the work.
 * @param signal Ends the wait.
 * @param patience How long to wait, in milliseconds.
 * @param late Creates the error for work that takes longer.
 * @returns What the work returns.
 * @throws {unknown} What the work throws, the signal's reason, or that error.
 */
export async function within<T>(
  work: () => Promise<T>,
  signal: AbortSignal,
  patience: number,
  late: () => Error,
): Promise<T> {
  signal.throwIfAborted();
  const ended = Promise.withResolvers<never>();
  const abort = (): void => ended.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  const timer = setTimeout(() => ended.reject(late()), patience);
  try {
    return await Promise.race([work(), ended.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}

/**
 * Speaks with the stub at the other end of a connection, which is left for its owner to close.
 *
 * No packet is acknowledged: QEMU does not wait for it, and where the guest runs again, any byte would stop it.
 *
 * @param connection The connection.
 * @param signal Ends every wait.
 * @param patience How long to wait for an answer, in milliseconds.
 * @returns The stub.
 */
export function gdbRemote(
  connection: Pick<Deno.Conn, "read" | "write">,
  signal: AbortSignal,
  patience: number,
): GdbRemote {
  const decoder = new TextDecoder("latin1"); // a character is a byte
  const encoder = new TextEncoder();
  const buffer = new Uint8Array(2 ** 16);
  let text = "";
  let stopped = false;

  const receiveOne = async (): Promise<string> => {
    for (;;) {
      const found = PACKET.exec(text);
      if (found) {
        text = text.slice(found.index + found[0].length);
        if (parseInt(found[2], 16) !== checksum(found[1])) throw new StubError("an answer has a wrong checksum");
        const packet = found[1].replaceAll(/\}(.)/gs, (_, char: string) => {
          return String.fromCharCode(char.charCodeAt(0) ^ 0x20); // GDB documentation, "Overview": escaped bytes
        });
        if (!/^[ST][0-9a-f]{2}/.test(packet)) return packet;
        stopped = true;
        continue;
      }
      if (text.length > MOST_NOISE) throw new StubError(NO_PROTOCOL);
      const count = await connection.read(buffer);
      if (count === null) throw new StubError("the connection was closed");
      text += decoder.decode(buffer.subarray(0, count));
    }
  };
  let last: Promise<unknown> = Promise.resolve();
  /** An answer that nobody waits for any more is still taken before the next one. */
  const receive = (): Promise<string> => {
    const received = last.then(receiveOne);
    last = received.catch(() => {});
    return received;
  };
  const tell = async (...packets: readonly string[]): Promise<void> => {
    const framed = packets.map((packet) => `$${packet}#${checksum(packet).toString(16).padStart(2, "0")}`);
    const bytes = encoder.encode(framed.join(""));
    for (let left = bytes; left.length > 0;) left = left.subarray(await connection.write(left));
  };
  const finish: GdbRemote["finish"] = async (packets, isFirst) => {
    const answered = async (): Promise<void> => {
      await tell(...packets);
      while (!isFirst(await receive()));
      for (let left = packets.length - 1; left > 0; left--) await receive();
    };
    let timer: ReturnType<typeof setTimeout> | undefined;
    const enough = new Promise<void>((resolve) => timer = setTimeout(resolve, LAST_PATIENCE));
    await Promise.race([answered().catch(() => {}), enough]).finally(() => clearTimeout(timer));
  };
  const under = (signal: AbortSignal): GdbRemote => {
    const late = () =>
      /[^+]/.test(text) // the acknowledgement of a packet is not an answer
        ? new StubError(NO_PROTOCOL)
        : new StubError(`there was no answer in ${patience / 1000} seconds`, true);
    const next = () => within(receive, signal, patience, late);
    const ask = async (packet: string): Promise<string> => {
      await within(() => tell(packet), signal, patience, late);
      return await next();
    };
    return { next, ask, finish, saidStopped: () => stopped, under };
  };
  return under(signal);
}

/** The sum of a packet's characters, modulo 256. */
function checksum(packet: string): number {
  let sum = 0;
  for (let at = 0; at < packet.length; at++) sum += packet.charCodeAt(at);
  return sum % 256;
}
