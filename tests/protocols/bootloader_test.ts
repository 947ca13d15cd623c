import { assertEquals } from "@std/assert";
import { bootloader } from "../../protocols/bootloader.ts";
import { buildElf } from "../elf_builder.ts";
import { configBytes, withSection } from "./config_builder.ts";
import { recognized } from "./recognized.ts";

const KERNEL = buildElf({ segments: [{ filesz: 0x100 }] });

Deno.test("a configuration with defaults is decoded field by field", async () => {
  const { file, offset } = withSection(KERNEL, ".bootloader-config", configBytes({ length: 124 }));
  assertEquals(await recognized(bootloader, file), {
    name: "bootloader",
    offset,
    length: 124,
    releases: "0.11.1 to 0.11.10",
    config: {
      version: "0.11.5",
      preRelease: false,
      kernelStackSize: 0x14000n,
      kernelStack: "dynamic",
      bootInfo: "dynamic",
      framebuffer: "dynamic",
      aslr: false,
      ramdiskMemory: "dynamic",
    },
    summary: `bootloader 0.11.5: .bootloader-config at file offset 0x${
      offset.toString(16)
    } asks for a stack of 0x14000 bytes`,
  });
});

/** Where each field starts, by the lengths of those before it (api/src/config.rs at the release's tag). */
const LAYOUTS = {
  115: {
    kernelStack: 31,
    bootInfo: 40,
    framebuffer: 49,
    physicalMemory: 58,
    aslr: 78,
    end: 88,
    height: 97,
    width: 106,
  },
  124: {
    kernelStack: 31,
    bootInfo: 40,
    framebuffer: 49,
    physicalMemory: 58,
    aslr: 78,
    end: 88,
    height: 106,
    width: 115,
  },
  133: {
    kernelStack: 31,
    bootInfo: 49,
    framebuffer: 58,
    physicalMemory: 67,
    aslr: 87,
    end: 97,
    height: 115,
    width: 124,
  },
} as const;

for (const [length, at] of Object.entries(LAYOUTS)) {
  Deno.test(`every field of a configuration of ${length} bytes is where its release has it`, async () => {
    const bytes = configBytes({ length: Number(length) });
    const view = new DataView(bytes.buffer);
    const put = (offset: number, value: bigint) => {
      bytes[offset] = 1;
      view.setBigUint64(offset + 1, value, true);
    };
    bytes[22] = 1;
    put(at.kernelStack, 0x1111n);
    put(at.bootInfo, 0x2222n);
    put(at.framebuffer, 0x3333n);
    bytes[at.physicalMemory] = 1;
    put(at.physicalMemory + 1, 0x4444n);
    bytes[at.physicalMemory + 10] = 1; // recursive, dynamic
    bytes[at.aslr] = 1;
    put(at.end, 0x5555n);
    put(at.height, 600n);
    put(at.width, 800n);
    const { config, summary } = (await recognized(bootloader, withSection(KERNEL, ".bootloader-config", bytes).file))!;
    const { kernelBase, ramdiskMemory, ...others } = config!;
    assertEquals(others, {
      ...{ version: "0.11.5", preRelease: true, kernelStackSize: 0x14000n, kernelStack: 0x1111n, bootInfo: 0x2222n },
      ...{ framebuffer: 0x3333n, physicalMemory: 0x4444n, pageTableRecursive: "dynamic" as const, aslr: true },
      ...{ dynamicRangeEnd: 0x5555n, minimumFramebufferHeight: 600n, minimumFramebufferWidth: 800n },
    });
    assertEquals(kernelBase, length === "133" ? "dynamic" : undefined);
    assertEquals(ramdiskMemory, length === "115" ? undefined : "dynamic");
    const wants = "a stack of 0x14000 bytes, all of physical memory, recursive page tables, random addresses";
    assertEquals(summary.split(" asks for ")[1], wants);
    assertEquals(summary.startsWith("bootloader 0.11.5 (pre-release): "), true);
  });
}

Deno.test("a configuration that cannot be read is recognized all the same", async () => {
  for (const size of [0, 1, 123, 257, 70_000]) {
    const { file, offset } = withSection(KERNEL, ".bootloader-config", new Uint8Array(size));
    const found = await recognized(bootloader, file);
    assertEquals([found?.offset, found?.length, found?.fault?.error, found?.config], [
      offset,
      size,
      "invalid len",
      undefined,
    ]);
  }
});

Deno.test("a section by another name is none, nor is a file without sections", async () => {
  const config = configBytes({});
  for (const name of [".bootloader-confi", ".bootloader-config2", "bootloader-config"]) {
    assertEquals(await recognized(bootloader, withSection(KERNEL, name, config).file), undefined);
  }
  assertEquals(await recognized(bootloader, KERNEL), undefined);
  assertEquals(await recognized(bootloader, config), undefined);
});

Deno.test("every prefix of a file, and every flip of a header's byte, is looked at without an error", async () => {
  const { file } = withSection(KERNEL, ".bootloader-config", configBytes({}));
  for (let length = 0; length < file.length; length += 3) await recognized(bootloader, file.slice(0, length));
  for (const start of [0, file.length - 192]) {
    for (let at = start; at < start + 192 && at < file.length; at++) {
      await recognized(bootloader, file.with(at, file[at] ^ 0xff) as Uint8Array);
    }
  }
});
