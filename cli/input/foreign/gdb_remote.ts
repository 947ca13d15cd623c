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
   * Sends the last packets, also after an abort, and waits a moment until they are answered: if a connection is closed
   * with answers on their way, the stub may lose what was sent.
   */
  readonly finish: (packets: readonly string[]) => Promise<void>;
  /** Whether the stub said, unasked, that the guest has stopped. */
  readonly saidStopped: () => boolean;
}

/** Why a stub cannot be used. */
export class StubError extends Error {
  /** Whether nothing came in time. */
  readonly isSilent: boolean;

  /**
   * Creates an error.
   *
   * @param message What is wrong, as the end of a sentence.
   * @param isSilent Whether nothing came in time.
   */
  constructor(message: string, isSilent = false) {
    super(message);
    this.isSilent = isSilent;
  }
}

/** The most characters that come without a packet among them. */
const MOST_NOISE = 2 ** 16;

/** How long to wait for the answers to the last packets, in milliseconds. */
const LAST_PATIENCE = 1000;

/** A packet: what is in it, and its checksum. */
const PACKET = /\$([^#$]*)#([0-9a-fA-F]{2})/;

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
      if (text.length > MOST_NOISE) throw new StubError("what is there does not speak the protocol of gdb");
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
  const within = async <T>(work: () => Promise<T>): Promise<T> => {
    signal.throwIfAborted();
    const ended = Promise.withResolvers<never>();
    const abort = (): void => ended.reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    const timer = setTimeout(() => {
      ended.reject(new StubError(`there was no answer in ${patience / 1000} seconds`, true));
    }, patience);
    try {
      return await Promise.race([work(), ended.promise]);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    }
  };
  const tell = async (packet: string): Promise<void> => {
    const sum = checksum(packet).toString(16).padStart(2, "0");
    const bytes = encoder.encode(`$${packet}#${sum}`);
    for (let left = bytes; left.length > 0;) left = left.subarray(await connection.write(left));
  };
  const next = () => within(receive);
  const finish = async (packets: readonly string[]): Promise<void> => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const enough = new Promise<void>((resolve) => timer = setTimeout(resolve, LAST_PATIENCE));
    for (const packet of packets) await tell(packet);
    const answered = Promise.all(packets.map(receive)).catch(() => {});
    await Promise.race([answered, enough]).finally(() => clearTimeout(timer));
  };
  return {
    next,
    ask: async (packet) => {
      await within(() => tell(packet));
      return await next();
    },
    finish,
    saidStopped: () => stopped,
  };
}

/** The sum of a packet's characters, modulo 256. */
function checksum(packet: string): number {
  let sum = 0;
  for (let at = 0; at < packet.length; at++) sum += packet.charCodeAt(at);
  return sum % 256;
}
