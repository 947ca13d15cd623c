/** The oracle itself: what it says about tables made by hand, and what it leaves behind. */

import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path/from-file-url";
import { testWithTools } from "../tools.ts";
import { openOracle } from "./oracle.ts";

const QEMU = "qemu-system-x86_64";

/** Memory by the indices of its 64-bit words. */
function words(length: number, entries: Readonly<Record<number, bigint>>): Uint8Array {
  const all = new BigUint64Array(length);
  for (const [index, entry] of Object.entries(entries)) all[Number(index)] = entry;
  return new Uint8Array(all.buffer);
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

testWithTools([QEMU], "the oracle reads tables made by hand as the Intel SDM defines them", async () => {
  await using oracle = await openOracle();
  const upper = words(1024, {
    511: 0x1_0000_0003n, // level 4: to level 3 at 4 GiB, writable
    512: 0x20_3007n, // level 3: to level 2, writable, user
    513: 0x8000_0000_4000_1187n, // level 3: 1 GiB, no execution, global, PAT, writable, user
  });
  const lower = words(1024, {
    0: 0x20_4005n, // level 2: to level 1, user
    1: 0x60_00f1n, // level 2: 2 MiB, cache disabled, accessed, dirty
    512: 0x20_3069n, // level 1: accessed, dirty, write-through
    515: 0x5083n, // level 1: writable; bit 7 is PAT
    516: 0x6002n, // level 1: not present
  });
  oracle.write(0x20_1000, upper.subarray(0, 0x1000));
  oracle.write(0x1_0000_0000, upper.subarray(0x1000));
  oracle.write(0x20_3000, lower);
  await oracle.setLevel4(0x20_1000);
  assertEquals(await oracle.leaves(), [
    "ffffff8000000000: 0000000000203000 ---DA-T--",
    "ffffff8000003000: 0000000000005000 --------W",
    "ffffff8000200000: 0000000000600000 --PDAC---",
    "ffffff8040000000: 0000000040000000 XGP----UW",
  ]);
  const low = 0xff80_0000_0000;
  assertEquals(await oracle.permissions(), [
    { low, end: low + 0x1000, user: false, writable: false },
    { low: low + 0x3000, end: low + 0x4000, user: false, writable: false },
    { low: low + 0x20_0000, end: low + 0x40_0000, user: false, writable: false },
    { low: low + 0x4000_0000, end: low + 0x8000_0000, user: false, writable: true },
  ]);
  assertEquals(await oracle.translate(0xffff_ff80_0000_3123n), 0x5123);
  assertEquals(await oracle.translate(0xffff_ff80_0000_4000n), undefined);
  assertEquals(await oracle.translate(0xffff_ff80_002f_ffffn), 0x6f_ffff);
  assertEquals(await oracle.translate(0xffff_ff80_7fff_ffffn), 0x7fff_ffff);
  assertEquals(await oracle.read(0xffff_ff80_0000_0000n, 8), Uint8Array.of(0x05, 0x40, 0x20, 0, 0, 0, 0, 0));
  assertEquals(await oracle.read(0xffff_ff80_0000_1000n, 8), undefined);
});

testWithTools([QEMU], "an oracle that was disposed of has left no file behind", async () => {
  const oracle = await openOracle();
  assert(exists(oracle.dir));
  await oracle[Symbol.asyncDispose]();
  assert(!exists(oracle.dir));
});

testWithTools([QEMU], "QEMU and its files go with the process that started them, even with a killed one", async () => {
  const module = new URL("oracle.ts", import.meta.url).href;
  const config = fromFileUrl(new URL("../../deno.json", import.meta.url));
  const code =
    `import { openOracle } from "${module}"; console.log((await openOracle()).dir); setInterval(() => {}, 1e6);`;
  const args = ["eval", "--config", config, code];
  const child = new Deno.Command(Deno.execPath(), { args, stdin: "null", stdout: "piped", stderr: "null" }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const dir = (await reader.read()).value?.trim();
  child.kill("SIGKILL");
  await Promise.all([child.status, reader.cancel()]);
  assert(dir);
  // The folder is removed after QEMU has ended.
  for (let tries = 0; exists(dir) && tries < 100; tries++) await new Promise((done) => setTimeout(done, 100));
  assert(!exists(dir), `${dir} is still there`);
});
