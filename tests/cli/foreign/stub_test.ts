/** Stubs for debuggers that are no QEMU, no stub, or a QEMU with another guest: refused in clear words, in time. */

import { assertEquals, assertRejects } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import type { ForeignOptions, ForeignTables } from "../../../cli/input/foreign/foreign_tables.ts";
import { openGuest } from "../../../cli/input/foreign/open_guest.ts";
import { CliError } from "../../../cli/output/cli_error.ts";
import { listRuns } from "../../../explain/tables/list_runs.ts";
import { tablesOf, to } from "../../explain/tables/by_hand.ts";
import { P, PAGE, W } from "../../core/paging/bits.ts";

const NEVER = new AbortController().signal;

/** What a stub answers: packets, bytes as they are, or nothing. */
type Answer = string | { readonly raw: string } | "silence" | "close";

/** How long to wait for a stub that never answers, and for one that may be slow, in milliseconds. */
const SHORT = 300;
const LONG = 20_000;

/** A stub, by what it answers to a packet. */
interface Script {
  /** Whether some packets are never answered. */
  readonly isSilent?: boolean;
  /** What it says when a debugger connects. */
  readonly greeting?: string;
  readonly answer: (packet: string) => Answer | readonly Answer[];
}

const sum = (packet: string): string => {
  return ([...packet].reduce((total, char) => total + char.charCodeAt(0), 0) % 256).toString(16).padStart(2, "0");
};
const framed = (packet: string): string => `$${packet}#${sum(packet)}`;

/** Listens, answers one connection by a script, and gives the packets that came. */
async function withStub(
  { greeting = "", answer, isSilent = false }: Script,
  use: (
    open: (options?: ForeignOptions, signal?: AbortSignal) => Promise<ForeignTables>,
    place: string,
  ) => Promise<void>,
): Promise<readonly string[]> {
  const packets: string[] = [];
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const serving = (async () => {
    using connection = await listener.accept();
    connection.setNoDelay(true);
    const send = (text: string) => connection.write(new TextEncoder().encode(text)).catch(() => {});
    await send(greeting);
    let text = "";
    for await (const chunk of connection.readable.pipeThrough(new TextDecoderStream(), { preventCancel: true })) {
      text += chunk;
      for (let found; (found = /\$([^#]*)#../.exec(text));) {
        text = text.slice(found.index + found[0].length);
        packets.push(found[1]);
        for (const one of [answer(found[1])].flat()) {
          if (one === "close") return;
          if (one !== "silence") await send(typeof one === "string" ? framed(one) : one.raw);
        }
      }
    }
  })().catch(() => {});
  const place = { transport: "tcp", hostname: "127.0.0.1", port } as const;
  await use(
    (options = {}, signal = NEVER) => openGuest(place, options, signal, isSilent ? SHORT : LONG),
    `127.0.0.1:${port}`,
  );
  await serving;
  return packets;
}

/** A guest as QEMU 7.2 shows it: two features, registers of 64 bits, and memory. */
interface GuestPlan {
  readonly registers?: Readonly<Record<string, bigint>>;
  readonly architecture?: string;
  readonly bytes?: (phys: number, length: number) => Uint8Array | undefined;
  readonly version?: string;
  readonly status?: string;
  readonly mode?: string;
}

const REGISTERS = { cr0: 0x8001_0033n, cr3: 0x10_0000n, cr4: 0x620n, efer: 0xd00n };

function qemu(plan: GuestPlan): Script["answer"] {
  const { registers = REGISTERS, architecture = "i386:x86-64", bytes = () => undefined } = plan;
  const { version = "7.2.0 (Debian)", status = "VM status: paused", mode = "0" } = plan;
  const names = ["rip", ...Object.keys(registers)];
  const features: Readonly<Record<string, string>> = {
    "target.xml": `<target><architecture>${architecture}</architecture><xi:include href="core.xml"/></target>`,
    "core.xml": `<feature><!--reg name="none"--><reg name="rip" bitsize="64" regnum="16"/>${
      names.slice(1).map((name) => `<reg name="${name}" bitsize="64"/>`).join("}\x03") // "#", escaped
    }</feature>`,
  };
  return (packet) => {
    const [, feature, from] = /^qXfer:features:read:([^:]*):([0-9a-f]+),/.exec(packet) ?? [];
    const [, register] = /^p([0-9a-f]+)$/.exec(packet) ?? [];
    const [, phys, length] = /^m([0-9a-f]+),([0-9a-f]+)$/.exec(packet) ?? [];
    if (feature !== undefined) {
      // Pieces of at most 100 bytes, none of which ends inside an escape.
      const plain = features[feature].replaceAll("}\x03", "#");
      const piece = plain.slice(parseInt(from, 16), parseInt(from, 16) + 100);
      const isLast = parseInt(from, 16) + piece.length === plain.length;
      return (isLast ? "l" : "m") + piece.replaceAll("#", "}\x03");
    }
    if (register !== undefined) {
      const value = new BigUint64Array([Object.values(registers)[parseInt(register, 16) - 17]]);
      return encodeHex(value.buffer);
    }
    if (phys !== undefined) {
      const found = bytes(parseInt(phys, 16), parseInt(length, 16));
      return found ? encodeHex(found) : "E14";
    }
    if (packet.startsWith("qSupported")) return "PacketSize=1000;qXfer:features:read+";
    if (packet === "qqemu.PhyMemMode") return mode;
    if (packet === `qRcmd,${encodeHex("info status")}`) {
      return ["O" + encodeHex(status.slice(0, 5)), "O" + encodeHex(status.slice(5)), "OK"];
    }
    if (packet === `qRcmd,${encodeHex("info version")}`) return ["O" + encodeHex(version), "OK"];
    if (packet.startsWith("qRcmd,")) return ["O" + encodeHex("Host virtual address for …"), "OK"];
    return "OK";
  };
}

const TABLES = tablesOf({ 0: { 511: to(1, W) }, 1: { 511: to(2, W) }, 2: { 0: to(3, W) }, 3: { 0: 0x7000n | P | W } });
const bytesOf = (phys: number, length: number) => TABLES.pages.bytes(phys, length);

async function refusal(
  script: Script,
  options?: ForeignOptions,
): Promise<readonly [message: string, packets: readonly string[]]> {
  let message = "";
  const packets = await withStub(script, async (open, place) => {
    const error = await assertRejects(() => open(options), CliError);
    assertEquals(error.code, "source-failed");
    message = error.message.replace(place, "STUB");
  });
  return [message, packets];
}

/** What a monitor prints that does not end; the stub sends only some of it. */
const ENDLESS = Array.from({ length: 200 }, () => `O${"41".repeat(1000)}`);

/** A QEMU that describes its registers by one text again and again, in as many pieces as are read. */
function describedBy(text: string): Script["answer"] {
  const whole = text.repeat(Math.floor(60 * 4000 / text.length));
  const plain = qemu({});
  return (packet) => {
    const [, from] = /^qXfer:features:read:[^:]*:([0-9a-f]+),/.exec(packet) ?? [];
    if (from === undefined) return plain(packet);
    const piece = whole.slice(parseInt(from, 16), parseInt(from, 16) + 4000);
    return (parseInt(from, 16) + piece.length === whole.length ? "l" : "m") + piece;
  };
}

Deno.test("stubs that cannot be used are refused in words that say why", async () => {
  const START = "Cannot read page tables of QEMU at STUB: ";
  const cases: readonly (readonly [Script, string])[] = [
    [{ answer: () => "close" }, "the connection was closed"],
    [{ answer: () => "silence", isSilent: true }, "there was no answer in 0.3 seconds"],
    [
      { answer: () => ({ raw: "HTTP/1.1 400 Bad Request\r\n\r\n".repeat(3000) }) },
      "what is there does not speak gdb's remote protocol",
    ],
    [{ answer: () => ({ raw: "-" }), isSilent: true }, "what is there does not speak gdb's remote protocol"],
    [
      { answer: (packet) => packet.startsWith("qRcmd,") ? ENDLESS : qemu({})(packet) },
      "QEMU's monitor answers without end",
    ],
    [{ answer: describedBy("<!--") }, "the guest's architecture is unknown, not i386:x86-64"],
    [
      { answer: describedBy(`<architecture>i386:x86-64</architecture><reg <xi:include href="a"/>`) },
      "QEMU describes its registers in too many parts",
    ],
    [{ answer: () => ({ raw: "$OK#00" }) }, "an answer has a wrong checksum"],
    [{ answer: () => "" }, "the stub there is not QEMU's, and cannot read physical memory"],
    [{ answer: qemu({ architecture: "aarch64" }) }, "the guest's architecture is aarch64, not i386:x86-64"],
    [
      { answer: qemu({ registers: { cr0: 0x11n, cr3: 0n, cr4: 0n, efer: 0n } }) },
      "the guest has not enabled paging (CR0.PG is 0)",
    ],
    [{ answer: qemu({ registers: { ...REGISTERS, cr4: 0n } }) }, "the guest uses 32-bit page tables (CR4.PAE is 0)"],
    [{ answer: qemu({ registers: { ...REGISTERS, efer: 0n } }) }, "the guest is not in 64-bit mode (EFER.LMA is 0)"],
    [{ answer: qemu({ registers: { cr0: 0x8000_0011n, cr3: 0n } }) }, "QEMU does not report the register cr4"],
    [{ answer: qemu({}) }, "the level-4 table at 0x100000 is not in the guest's memory"],
  ];
  for (const [script, why] of cases) {
    const [message] = await refusal(script);
    assertEquals(message, START + why);
  }
});

Deno.test("no connection is a refusal that says how to start the stub", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const error = await assertRejects(
    () => openGuest({ transport: "tcp", hostname: "127.0.0.1", port }, {}, NEVER),
    CliError,
  );
  assertEquals(error.hint, `Start QEMU with -gdb tcp::${port}, or type gdbserver tcp::${port} in its monitor.`);
  const gone = await assertRejects(() => openGuest({ transport: "unix", path: "./none" }, {}, NEVER), CliError);
  assertEquals(
    gone.hint,
    "Start QEMU with -gdb unix:./none,server=on,wait=off, " +
      "or type gdbserver unix:./none,server=on,wait=off in its monitor.",
  );
});

Deno.test("a guest is resumed if it ran before, as far as its QEMU tells", async () => {
  const STOP = framed("T02thread:01;");
  const cases: readonly (readonly [greeting: string, plan: GuestPlan, resumes: boolean])[] = [
    ["", {}, false], // before 8.1, QEMU says that a running guest was stopped
    [STOP, {}, true],
    [STOP, { version: "6.0.0" }, true],
    ["", { version: "8.0.5" }, false],
    ["", { version: "8.1.0" }, true],
    ["", { version: "10.0.2" }, true],
    ["", { version: "10.0.2", status: "VM status: paused (prelaunch)" }, false],
    ["", { version: "9.2.0", status: "VM status: paused (guest-panicked)" }, false],
    [STOP, { mode: "1" }, true],
  ];
  for (const [greeting, plan, resumes] of cases) {
    const packets = await withStub({ greeting, answer: qemu({ bytes: bytesOf, ...plan }) }, async (open) => {
      const { tables, about } = await open();
      assertEquals(about.guest, resumes ? "resumed" : "left stopped");
      assertEquals([...listRuns(tables)], [...listRuns(TABLES)]);
    });
    const last = packets.slice(packets.findLastIndex((packet) => packet.startsWith("m")) + 1);
    assertEquals(last, ["qqemu.PhyMemMode", `Qqemu.PhyMemMode:${plan.mode ?? "0"}`, ...(resumes ? ["D"] : [])]);
  }
});

Deno.test("a guest that cannot be used is left as it was, too", async () => {
  const greeting = framed("T02thread:01;");
  const [, packets] = await refusal({ greeting, answer: qemu({ architecture: "riscv:rv64" }) });
  assertEquals(packets.slice(-2), ["Qqemu.PhyMemMode:0", "D"]);
  const [, later] = await refusal({ greeting, answer: qemu({ registers: { ...REGISTERS, efer: 0n } }) });
  assertEquals(later.slice(-2), ["Qqemu.PhyMemMode:0", "D"]);
});

Deno.test("answers that are not as many bytes as were asked for are no page", async () => {
  const plain = qemu({ bytes: bytesOf });
  for (const reply of ["00", "E01", "x".repeat(4096), "0".repeat(4094)]) {
    const [message] = await refusal({ answer: (packet) => packet.startsWith("m") ? reply : plain(packet) });
    assertEquals(
      message.endsWith("the level-4 table at 0x100000 is not in the guest's memory"),
      true,
      reply.slice(0, 9),
    );
  }
});

Deno.test("memory of devices is not read", async () => {
  const reads: number[] = [];
  const plain = qemu({ bytes: bytesOf });
  const table = (TABLES.root + PAGE).toString(16);
  const answer: Script["answer"] = (packet) => {
    if (packet === `qRcmd,${encodeHex(`gpa2hva 0x${table}`)}`) {
      return ["O" + encodeHex(`Memory at address 0x${table} is not RAM\r\n`), "OK"];
    }
    if (packet.startsWith("m")) reads.push(parseInt(packet.slice(1), 16));
    return plain(packet);
  };
  await withStub({ answer }, async (open) => {
    await assertRejects(() => open({ cr3: TABLES.root + PAGE }), CliError, "is not in the guest's memory");
  });
  assertEquals(reads, []);
});

Deno.test("a silent stub may be busy with another debugger", async () => {
  await withStub({ answer: () => "silence", isSilent: true }, async (open) => {
    const { hint } = await assertRejects(() => open(), CliError);
    assertEquals(hint, "QEMU serves one debugger at a time: detach the other one.");
  });
});

Deno.test({
  name: "permissions that Deno lacks for a stub are named all at once",
  permissions: { read: true, net: false, write: false },
  fn: async () => {
    const error = await assertRejects(() => openGuest({ transport: "unix", path: "./gdb" }, {}, NEVER), CliError);
    assertEquals([error.message, error.command], [
      "Cannot read page tables of QEMU at ./gdb: Deno lacks the permissions",
      "--allow-write=./gdb --allow-net",
    ]);
    const tcp = await assertRejects(
      () => openGuest({ transport: "tcp", hostname: "127.0.0.1", port: 1234 }, {}, NEVER),
      CliError,
    );
    assertEquals(tcp.command, "--allow-net=127.0.0.1:1234");
  },
});

Deno.test("an abort ends the wait for a stub", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  await withStub({ answer: () => (controller.abort(reason), "silence") }, async (open) => {
    assertEquals(await assertRejects(() => open({}, controller.signal)), reason);
  });
});
