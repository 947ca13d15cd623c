/** What a guest is seen to do while it runs, by what QEMU's monitor says of it. */

import { assert, assertEquals } from "@std/assert";
import { untilHaltedForGood } from "../../../cli/qemu/halt_watch.ts";
import { untilReady } from "../../../cli/qemu/serial_input.ts";
import type { Watched } from "../../../cli/qemu/watched.ts";

/** A processor as `info registers` shows it. */
const processor = (number: number, { halted, interrupts, rip = "ffffffff80000002" }: {
  readonly halted: boolean;
  readonly interrupts: boolean;
  readonly rip?: string;
}): string =>
  `\r\nCPU#${number}\r\nRAX=0000000000000000\r\n` +
  `RIP=${rip} RFL=00000${interrupts ? 2 : 0}46 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=${halted ? 1 : 0}\r\n` +
  "CR0=80010033 CR2=0000000000000000 CR3=0000000000302000 CR4=00000620\r\nEFER=0000000000000d00\r\n";

/** A processor that waits to be started, in 32-bit mode. */
const WAITING = "\r\nCPU#1\r\nEAX=000f49f6\r\nEIP=000fd09a EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=1\r\n";

// As QEMU 7.2 prints them for a guest that left everything as the firmware did.
const LAPIC = `dumping local APIC state for CPU 0 

LVT0\t 0x00008700 active-hi level                             ExtINT (vec 0)
LVT1\t 0x00008400 active-hi level                             NMI   
LVTPC\t 0x00010000 active-hi edge  masked                      Fixed  (vec 0)
LVTT\t 0x00010000 active-hi edge  masked         one-shot     Fixed  (vec 0)
`;
const PIC = `ioapic0: ver=0x20 id=0x00 sel=0x00
  pin 1  0x0000000000010000 dest=0 vec=0   active-hi edge  masked fixed  physical
  pin 2  0x0000000000010000 dest=0 vec=0   active-hi edge  masked fixed  physical
`;

const HALTED = processor(0, { halted: true, interrupts: false });

/** A guest that answers with what a look is given; the last look answers from then on, and ends the watch. */
function guest(looks: readonly string[], { lapic = LAPIC, pic = PIC } = {}): {
  readonly watched: Watched;
  readonly over: AbortSignal;
} {
  const over = new AbortController();
  let look = -1;
  const monitor: Watched["monitor"] = (command) => {
    if (command === "info lapic") return Promise.resolve(lapic);
    if (command === "info pic") return Promise.resolve(pic);
    if (command === "info registers") look++;
    if (look >= looks.length) over.abort();
    const text = looks[Math.min(look, looks.length - 1)];
    return Promise.resolve(command === "info registers" ? text.split(/(?=\r\nCPU#1)/)[0] : text);
  };
  return { watched: { monitor }, over: over.signal };
}

const AWAKE = processor(0, { halted: true, interrupts: true });
const RUNNING = processor(0, { halted: false, interrupts: false });
const ELSEWHERE = processor(0, { halted: true, interrupts: false, rip: "ffffffff80000009" });

const CASES: readonly (readonly [string, readonly string[], Parameters<typeof guest>[1], boolean])[] = [
  ["is halted at two looks", [RUNNING, HALTED, HALTED], {}, true],
  ["is halted at one look", [HALTED, RUNNING, HALTED, RUNNING], {}, false],
  ["is halted in different places", [HALTED, ELSEWHERE, HALTED, ELSEWHERE], {}, false],
  ["waits for interrupts", [AWAKE, AWAKE, AWAKE], {}, false],
  ["runs with interrupts off", [RUNNING, RUNNING, RUNNING], {}, false],
  ["has another processor that waits", [HALTED + WAITING, HALTED + WAITING], {}, true],
  [
    "has another processor that runs",
    [HALTED, HALTED].map((one) => one + WAITING.replace("HLT=1", "HLT=0")),
    {},
    false,
  ],
  [
    "has another processor with interrupts on",
    [HALTED, HALTED].map((one) => one + WAITING.replace("EFL=00000002", "EFL=00000202")),
    {},
    false,
  ],
  [
    "gets the timer as an NMI",
    [HALTED, HALTED, HALTED],
    { lapic: LAPIC.replace("level                             ExtINT", "edge                              NMI   ") },
    false,
  ],
  [
    "gets an NMI by its I/O APIC",
    [HALTED, HALTED, HALTED],
    {
      pic: PIC.replace(
        "pin 2  0x0000000000010000 dest=0 vec=0   active-hi edge  masked fixed ",
        "pin 2  0x0000000000000400 dest=0 vec=0   active-hi edge         NMI   ",
      ),
    },
    false,
  ],
  ["has a masked NMI", [HALTED, HALTED], { pic: PIC.replace("masked fixed", "masked NMI  ") }, true],
  ["is of a QEMU that does not answer", ["", "", ""], {}, false],
];

for (const [what, looks, controllers, expected] of CASES) {
  Deno.test(`a guest that ${what} has ${expected ? "" : "not "}halted for good`, async () => {
    const { watched, over } = guest(looks, controllers);
    assertEquals(await untilHaltedForGood(watched, over), expected);
  });
}

/** A guest whose line control register has one value after the other, and that writes from one look on. */
function port(
  values: readonly number[],
  { firmware = 0, writesAt = Infinity, paused = 0 } = {},
): { readonly watched: Watched; readonly written: () => number; readonly looks: () => number } {
  let looks = 0;
  const monitor: Watched["monitor"] = (command) => {
    if (command === "info registers") {
      looks++;
      return Promise.resolve(looks > firmware ? RUNNING : RUNNING.replace("EFER=0000000000000d00", "EFER=0"));
    }
    if (command === "info status") {
      return Promise.resolve(looks > paused ? "VM status: running\r\n" : "VM status: paused (debug)\r\n");
    }
    const value = values[Math.min(looks, values.length) - 1];
    return Promise.resolve(`portb[0x03fb] = 0x${value.toString(16).padStart(2, "0")}\r\n`);
  };
  return { watched: { monitor }, written: () => looks >= writesAt ? 1 : 0, looks: () => looks };
}

const READY: readonly (readonly [string, Parameters<typeof port>, number])[] = [
  ["has set the line control register", [[0, 0, 3, 3]], 4],
  ["is in the middle of setting it", [[0, 0x83, 0x83, 0x83, 3, 3]], 6],
  ["changes it", [[3, 7, 7]], 3],
  ["has written something", [[0], { writesAt: 5 }], 5],
  ["has a firmware that has used the port", [[3], { firmware: 6, writesAt: 1 }], 7],
  ["does neither for two seconds", [[0]], 40],
  ["is held by a debugger before that", [[0], { paused: 10 }], 50],
];

for (const [what, args, expected] of READY) {
  Deno.test(`a guest that ${what} is given input at look ${expected}`, async () => {
    const { watched, written, looks } = port(...args);
    await untilReady(watched, written, new AbortController().signal);
    assertEquals(looks(), expected);
  });
}

Deno.test("a guest is not waited for after the end of the run", async () => {
  const { watched, written, looks } = port([0]);
  await untilReady(watched, written, AbortSignal.abort());
  assert(looks() === 0);
});
