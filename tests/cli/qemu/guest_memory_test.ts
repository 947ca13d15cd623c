/** The memory and the registers of a guest that runs in QEMU. */

import { assert, assertEquals } from "@std/assert";
import { bootImage, imageMemory } from "../../../boot/image.ts";
import { type Qemu, startQemu } from "../../../cli/qemu/qemu_process.ts";
import { testWithTools } from "../../tools.ts";
import { withFolder } from "../kload.ts";
import { bootableGuest, TEXT } from "./guests.ts";

const LOOP = [0xeb, 0xfe]; // jmp .

/** Runs a guest that loops, and asks for what is in its machine once it is in the kernel. */
async function whileLooping(args: readonly string[], ask: (qemu: Qemu, folder: string) => Promise<void>) {
  await withFolder(async (folder) => {
    const strange = `${folder}/a, "b\\c`;
    await Deno.mkdir(strange);
    const { kernel, entry } = await bootableGuest("loop");
    const image = `${folder}/boot.elf`;
    await Deno.writeFile(image, ReadableStream.from(bootImage(kernel, { entry })));
    const qemu = await startQemu({
      image,
      folder: strange,
      mebibytes: imageMemory(kernel) / 2 ** 20,
      gdb: false,
      ramfb: false,
      args,
      onSerial: () => Promise.resolve(),
      onOutput: () => Promise.resolve(),
      onLog: () => {},
    });
    try {
      let looping = false;
      while (!looping) {
        await qemu.start();
        await new Promise((resolve) => setTimeout(resolve, 50));
        looping = (await qemu.registers())?.[0].get("RIP") === TEXT;
      }
      await ask(qemu, strange);
    } finally {
      qemu.kill();
      await qemu.ended;
    }
  });
}

testWithTools(
  ["qemu-system-x86_64"],
  "the memory of a guest is read by virtual and by physical addresses",
  () =>
    whileLooping([], async (qemu, folder) => {
      const before = [...Deno.readDirSync(folder)].length;
      assertEquals(await qemu.readMemory({ kind: "virtual", address: TEXT, length: 2 }), Uint8Array.from(LOOP));
      const { kernel, info } = await bootableGuest("loop");
      const written = new Uint8Array(kernel.read(info!.address, 0x40));
      assertEquals(await qemu.readMemory({ kind: "virtual", address: info!.address, length: 0x40 }), written);
      const { mapped, phys } = { phys: 0, ...kernel.pageTable.translate(info!.address) };
      assert(mapped);
      assertEquals(await qemu.readMemory({ kind: "physical", address: BigInt(phys), length: 0x40 }), written);
      const across = { kind: "virtual", address: TEXT + 0xff0n, length: 0x20 } as const;
      assertEquals(await qemu.readMemory(across), undefined, "the page after the text is not mapped");
      for (const length of [0, 0.5, 2 ** 30]) {
        assertEquals(await qemu.readMemory({ kind: "virtual", address: TEXT, length }), undefined);
      }
      assertEquals([...Deno.readDirSync(folder)].length, before, "no file is left");
    }),
);

testWithTools(
  ["qemu-system-x86_64"],
  "the registers of every processor of a guest are read",
  () =>
    whileLooping(["-smp", "3"], async (qemu) => {
      const all = await qemu.registers() ?? [];
      assertEquals(all.map((registers) => registers.get("HLT")), [0n, 1n, 1n]);
      assertEquals(all.map((registers) => registers.get("RIP") === TEXT), [true, false, false]);
    }),
);
