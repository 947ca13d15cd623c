/** QEMU's stub for debuggers, which also takes commands of QEMU's monitor (GDB, "Remote Serial Protocol"). */

import { decodeHex, encodeHex } from "@std/encoding/hex";

const READ_SIZE = 2 ** 16;

/** The registers that paging depends on, by their numbers in the target description of x86-64. */
const REGISTERS = { cr0: 0x1b, cr3: 0x1d, cr4: 0x1e, efer: 0x20 } as const;

/** A connection to the stub. Its functions throw where QEMU has closed it. */
export interface GdbStub {
  /** Sets a register of the processor, which takes bits 0 to 31 alone until it runs 64-bit code. */
  readonly setRegister: (register: keyof typeof REGISTERS, value: number) => Promise<void>;
  /** Has a command of the monitor executed, and gives what it prints. */
  readonly command: (line: string) => Promise<string>;
  /** Reads up to 2048 bytes by their virtual address; `undefined` where a page is not mapped. */
  readonly read: (virt: bigint, length: number) => Promise<Uint8Array | undefined>;
}

/** Opens the stub at the other end of a connection, which is left for its owner to close. */
export async function openGdbStub(conn: Deno.Conn): Promise<GdbStub> {
  const receive = packetReader(conn);
  const ask = async (packet: string): Promise<string> => {
    const bytes = new TextEncoder().encode(`$${packet}#${checksum(packet)}`);
    for (let done = 0; done < bytes.length;) done += await conn.write(bytes.subarray(done));
    return await receive();
  };
  await ask("qXfer:features:read:target.xml:0,fff"); // the stub takes no registers before it was asked which there are
  return {
    setRegister: async (register, value) => {
      const bytes = new DataView(new ArrayBuffer(8));
      bytes.setUint32(0, value, true);
      const reply = await ask(`P${REGISTERS[register].toString(16)}=${encodeHex(bytes.buffer)}`);
      if (reply !== "OK") throw new Error(`Cannot set ${register}: the stub says "${reply}"`);
    },
    command: async (line) => {
      const printed: string[] = [];
      let reply = await ask(`qRcmd,${encodeHex(line)}`);
      for (; reply.startsWith("O") && reply !== "OK"; reply = await receive()) printed.push(reply.slice(1));
      if (reply !== "OK") throw new Error(`Cannot execute ${line}: the stub says "${reply}"`);
      return new TextDecoder().decode(decodeHex(printed.join("")));
    },
    read: async (virt, length) => {
      const reply = await ask(`m${virt.toString(16)},${length.toString(16)}`);
      return /^E..$/.test(reply) ? undefined : decodeHex(reply);
    },
  };
}

/** Two hex digits: the sum of a packet's characters, modulo 256. */
function checksum(packet: string): string {
  let sum = 0;
  for (let at = 0; at < packet.length; at++) sum += packet.charCodeAt(at);
  return (sum % 256).toString(16).padStart(2, "0");
}

/** Gives the packets that come, one by one. They need no "+": the next question lets the stub forget its last answer. */
function packetReader(conn: Deno.Conn): () => Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(READ_SIZE);
  let text = "";
  let at = 0; // where the next packet, or an acknowledgement in front of it, starts
  return async () => {
    while (true) {
      const end = text.indexOf("#", at);
      if (end >= 0 && text.length >= end + 3) {
        const packet = text.slice(text.indexOf("$", at) + 1, end);
        at = end + 3;
        return packet;
      }
      const count = await conn.read(buffer);
      if (count === null) throw new Error("Cannot read from QEMU: it has closed the connection");
      text = text.slice(at) + decoder.decode(buffer.subarray(0, count), { stream: true });
      at = 0;
    }
  };
}
