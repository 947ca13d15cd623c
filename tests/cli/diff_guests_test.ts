/** `kload diff` of two guests, and of two dumps of memory: no kernel is loaded, so that nothing has a name. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Bootable } from "../../cli/report/bootable.ts";
import { imageBytes } from "../boot/boot.ts";
import { testWithTools } from "../tools.ts";
import { type Guest, startGuest } from "./foreign/guest.ts";
import { loadedAsRun, runUntilHalted } from "./foreign/halted_guest.ts";
import { HELLO, kload, kloadJson, withFolder } from "./kload.ts";

/** Runs a kernel until it halts, and saves its memory. */
async function started(path: string): Promise<{ readonly guest: Guest; readonly bootable: Bootable }> {
  const bootable = await loadedAsRun(path);
  const guest = await startGuest(await imageBytes(bootable.kernel, bootable.entry));
  await runUntilHalted(guest, bootable);
  await guest.qmp.execute("pmemsave", { val: 0, size: guest.memorySize, filename: `${guest.dir}/ram.bin` });
  await guest.qmp.execute("dump-guest-memory", { paging: false, protocol: `file:${guest.dir}/ram.core` });
  return { guest, bootable };
}

testWithTools(["qemu-system-x86_64"], "two guests, two dumps, and one of each are compared byte by byte", async () => {
  await withFolder(async (folder) => {
    const file = await Deno.readFile(HELLO);
    // Letters of what it prints.
    const text = new TextDecoder("latin1").decode(file).indexOf("Hello");
    assert(text > 0);
    file.set(new TextEncoder().encode("Howdy"), text);
    await Deno.writeFile(`${folder}/howdy.elf`, file);
    const [a, b] = [await started(HELLO), await started(`${folder}/howdy.elf`)];
    await using guestA = a.guest;
    await using guestB = b.guest;
    const [ramA, ramB] = await Promise.all([guestA, guestB].map(({ dir }) => Deno.readFile(`${dir}/ram.bin`)));
    const expected: bigint[] = [];
    for (const { virt, phys, size } of a.bootable.kernel.mappings()) {
      for (let at = 0; at < size; at++) if (ramA[phys + at] !== ramB[phys + at]) expected.push(virt + BigInt(at));
    }
    assert(expected.length >= 4, "the text differs");
    const cr3 = ["--cr3", `0x${a.bootable.kernel.level4Frame.toString(16)}`];
    const sides = [
      ["--gdb", guestA.gdb, "--gdb", guestB.gdb],
      ["--memory", `${guestA.dir}/ram.core`, "--memory", `${guestB.dir}/ram.core`],
      ["--memory", `${guestA.dir}/ram.bin`, "--memory", `${guestB.dir}/ram.bin`, ...cr3],
      ["--memory", `${guestA.dir}/ram.bin`, "--gdb", guestB.gdb, ...cr3, ...cr3],
    ];
    for (const args of sides) {
      const { status, json } = await kloadJson(["diff", ...args, "--limit", "1000"]);
      assertEquals([status, json.content.differing, json.content.outside], [1, expected.length, 0], args.join(" "));
      assertEquals([json.mappings.items, json.level4.items, json.unknown.items], [[], [], []]);
      assertEquals(BigInt(json.content.first.address), expected.reduce((one, other) => one < other ? one : other));
      const found = json.content.ranges.items as readonly { readonly differing: number }[];
      assertEquals(found.reduce((sum, { differing }) => sum + differing, 0), expected.length);
    }
    assertMatch((await kload(["diff", ...sides[0]])).stdout, new RegExp(`^differ: ${expected.length} bytes\n`));
    for (const again of [["--gdb", guestA.gdb], ["--memory", `${guestA.dir}/ram.core`]]) {
      const { status, stdout } = await kload(["diff", ...again, ...again]);
      assertEquals(status, 0);
      assertMatch(stdout, /^same: \d+ KiB mapped by both\n/);
    }
    const mixed = await kloadJson(["diff", "--gdb", guestA.gdb, "--memory", `${guestA.dir}/ram.core`]);
    assertEquals([mixed.status, mixed.json.a.kind, mixed.json.b.kind], [0, "core", "guest"]);
  });
});
