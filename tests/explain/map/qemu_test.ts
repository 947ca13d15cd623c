/** QEMU's own walker finds the pages that a map has, with the permissions that it says. */

import { assert } from "@std/assert";
import { addDirectMap } from "../../../boot/direct_map.ts";
import { addIdentityMap } from "../../../boot/identity_map.ts";
import { addKernelStack } from "../../../boot/kernel_stack.ts";
import { mapModel } from "../../../explain/map/map_model.ts";
import { type AnyPlugin, loadKernel } from "../../../mod.ts";
import { presets } from "../../../plugins/presets.ts";
import { pathOf } from "../../cli/kload.ts";
import { assertSameLines, mergePermissions, permissionLine } from "../../qemu/agreement.ts";
import { openOracle } from "../../qemu/oracle.ts";
import { testWithTools } from "../../tools.ts";

const MIB = 2 ** 20;
const NO_EXECUTE = 35;

const hex16 = (value: bigint | number): string => value.toString(16).padStart(16, "0");

testWithTools(["qemu-system-x86_64"], "the maps of kernels with all that run adds are those of QEMU", async () => {
  await using oracle = await openOracle();
  for (const name of ["examples/hello/hello.elf", "examples/hello/hello-pie.elf"]) {
    const kernel = await loadKernel<readonly AnyPlugin[]>(await Deno.readFile(pathOf(name)), {
      ...presets.default,
      memory: { base: MIB },
      reserve: 2 * MIB,
    });
    addKernelStack(kernel);
    addDirectMap(kernel, { size: 2 ** 30, largestPage: 0x20_0000 });
    addIdentityMap(kernel, { size: 2 ** 30, largestPage: 0x20_0000 });
    const { memory, level4Frame, nextFrame } = kernel;
    oracle.write(MIB, memory.bytes(MIB, nextFrame - MIB));
    await oracle.setLevel4(level4Frame);

    const runs = (await mapModel(kernel)).entries.flatMap((entry) => entry.runs);
    const pages = runs.flatMap(({ virt, phys, size, pageSize, permissions }) => {
      return Array.from({ length: size / pageSize }, (_, nth) => {
        const done = nth * pageSize;
        return `${hex16(virt + BigInt(done))}: ${hex16(phys + done)} ${permissions}`;
      });
    });
    // QEMU lists the bits of the leaf; nothing above a leaf takes a permission away here.
    const theirs = (await oracle.leaves()).map((line) => {
      return `${line.slice(0, 34)} R${line.endsWith("W") ? "W" : "-"}${line[NO_EXECUTE] === "X" ? "-" : "X"}`;
    });
    assertSameLines(pages, theirs, `pages of ${name}`);
    assert(pages.length > 1024);
    const granted = runs.map(({ virt, size, user, permissions }) => ({
      virt,
      size,
      user,
      writable: permissions[1] === "W",
    }));
    assertSameLines(
      mergePermissions(granted).map(permissionLine),
      (await oracle.permissions()).map(permissionLine),
      `permissions of ${name}`,
    );
  }
});
