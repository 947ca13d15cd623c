/** What is found about requests and base revisions of kernels for Limine. */

import { assert, assertEquals } from "@std/assert";
import { checkKernel, type Finding } from "../../loaders/check_kernel.ts";
import * as limine from "./limine_kernel.ts";
import { BASE, bytesOf, code, data, kernel, request, revision } from "./limine_kernel.ts";
import { buildElf } from "../elf_builder.ts";

const FIELD = new URL("../fixtures/field/", import.meta.url);

/** The findings of the given kind. */
async function find(rule: string, file: Uint8Array): Promise<readonly Finding[]> {
  return (await checkKernel(file, { loaders: undefined })).findings.filter((finding) => finding.rule === rule);
}

Deno.test("requests outside the markers are found", async () => {
  const file = kernel({
    tags: [
      revision(3n),
      request(limine.HHDM),
      limine.START,
      request(limine.RSDP),
      limine.END,
      request(limine.FRAMEBUFFER),
    ],
  });
  const findings = await find("request-outside-markers", file);
  assertEquals(findings.map(({ offset, message }) => [offset, message]), [
    [
      0x1018,
      "The HHDM request at 0xffffffff80000018 (file offset 0x1018) lies before the start marker at " +
      "0xffffffff80000048 (file offset 0x1048): loaders do not answer it.",
    ],
    [
      0x10a8,
      "The framebuffer request at 0xffffffff800000a8 (file offset 0x10a8) lies after the end marker at " +
      "0xffffffff80000098 (file offset 0x1098): loaders do not answer it.",
    ],
  ]);
});

Deno.test("unaligned requests and base revision tags are found", async () => {
  const file = kernel({
    more: [data({ data: new Uint8Array([0, 0, 0, 0, ...bytesOf(request(limine.HHDM), revision(3n))]) })],
  });
  const findings = await find("request-unaligned", file);
  assertEquals(findings.map(({ index, message }) => [index, message]), [
    [
      1,
      "The HHDM request at 0xffffffff80010004 (file offset 0x2004) is not at a multiple of 8: loaders do not see it.",
    ],
    [
      1,
      "The base revision tag at 0xffffffff80010034 (file offset 0x2034) is not at a multiple of 8: loaders do not see it.",
    ],
  ]);
  assertEquals(await find("request-unaligned", kernel({ tags: [revision(3n), request(limine.HHDM)] })), []);
});

Deno.test("requests that reach the bss, and sections of requests without bytes, are found", async () => {
  const cut = bytesOf(revision(3n), request(limine.HHDM)).slice(0, 24 + 32);
  const partly = kernel({ more: [data({ data: cut.slice(24), p_memsz: 0x1000n })] });
  assertEquals((await find("request-in-bss", partly)).map(({ offset }) => offset), [0x2000]);

  const named = kernel({ header: { e_shoff: 0x3000n, e_shnum: 3, e_shentsize: 64, e_shstrndx: 2 }, length: 0x3200 });
  const names = "\0.limine_requests\0.shstrtab\0";
  named.set(new TextEncoder().encode(names), 0x3100);
  const view = new DataView(named.buffer);
  [[1, 8, 0x2000, 48, 0x1234_5678n], [18, 3, 0x3100, names.length, 0n]].forEach(
    ([name, type, offset, size, at], index) => {
      view.setUint32(0x3040 + 64 * index, Number(name), true);
      view.setUint32(0x3044 + 64 * index, Number(type), true);
      view.setBigUint64(0x3050 + 64 * index, BigInt(at), true);
      view.setBigUint64(0x3058 + 64 * index, BigInt(offset), true);
      view.setBigUint64(0x3060 + 64 * index, BigInt(size), true);
    },
  );
  assertEquals((await find("request-in-bss", named)).map(({ message }) => message), [
    "The section .limine_requests at 0x12345678 has no bytes in the file (SHT_NOBITS): the requests in it are zero, " +
    "and no loader sees them.",
  ]);
});

/** A kernel whose segment with requests lies above one with a bss that comes last in the table. */
function bssBeforeRequests(memSize: bigint): Uint8Array {
  const requests = data({
    p_vaddr: BASE + 0x20000n,
    data: bytesOf(revision(2n), request(limine.HHDM), request(limine.HHDM)),
  });
  return buildElf({
    header: { e_entry: limine.ENTRY },
    segments: [code(new Uint8Array()), requests, data({ offset: 0x3000, p_memsz: memSize })],
  });
}

Deno.test("requests that Limine 8 does not see are found, and the verdicts agree", async () => {
  const hidden = bssBeforeRequests(0x1000n);
  const findings = await find("request-seen-differently", hidden);
  assertEquals(findings.map(({ offset }) => offset), [0x2000, 0x2018, 0x2048]);
  assertEquals(
    findings[0].message,
    "The base revision tag at 0xffffffff80020000 (file offset 0x2000) is seen by Limine 12, but not by Limine 8, which " +
      "stops at 0xffffffff8001f098: it subtracts the bss of program header 2 (0xfe0 bytes) from the end of the image, " +
      "though the bss is not there.",
  );
  assertEquals((await limine.ask("limine-8", hidden)).outcome, "boots"); // it does not see that they are two
  assertEquals((await limine.ask("limine-12", hidden)).rule, "duplicate-request");

  const seen = bssBeforeRequests(0x20n);
  assertEquals(await find("request-seen-differently", seen), []);
  assertEquals((await limine.ask("limine-8", seen)).rule, "duplicate-request");
});

Deno.test("a base revision that is old, or above that of a loader, is found", async () => {
  const rules = async (...tags: readonly (readonly bigint[])[]) => {
    const { findings } = await checkKernel(kernel({ tags }));
    return findings.map(({ rule }) => rule).filter((rule) => rule.startsWith("base-revision"));
  };
  assertEquals(await rules(request(limine.HHDM)), ["base-revision-old"]);
  assertEquals(await rules(revision(2n)), ["base-revision-old"]);
  assertEquals(await rules(revision(3n)), ["base-revision-new"]);
  assertEquals(await rules(revision(99n)), ["base-revision-new"]);
  const [old] = await find("base-revision-old", kernel({ tags: [request(limine.HHDM)] }));
  assert(old.message.startsWith("The kernel has no base revision tag, which means base revision 0; the newest is 6."));
  const [fresh] = await find("base-revision-new", kernel({ tags: [revision(99n)] }));
  assert(fresh.message.includes("Limine 8 loads it by revision 2, Limine 12 by revision 6"), fresh.message);
});

Deno.test("nothing of this is found in files that are not for Limine", async () => {
  const rules = ["request-in-bss", "request-outside-markers", "request-unaligned", "request-seen-differently"];
  for (const { name } of Deno.readDirSync(FIELD)) {
    const { findings, protocols, inside } = await checkKernel(Deno.readFileSync(new URL(name, FIELD)));
    if ([...protocols, ...inside?.protocols ?? []].some((protocol) => protocol.name === "limine")) continue;
    const found = findings.filter(({ rule }) => rules.includes(rule) || rule.startsWith("base-revision"));
    assertEquals([name, found], [name, []]);
  }
});

Deno.test("kernels for Limine are meant for both versions", async () => {
  const { verdicts } = await checkKernel(Deno.readFileSync(new URL("limine-duplicate-request.elf", FIELD)));
  const intended = verdicts.filter((verdict) => verdict.intended);
  assertEquals(intended.map(({ loader, rule }) => [loader, rule]), [
    ["limine-8", "duplicate-request"],
    ["limine-12", "duplicate-request"],
  ]);
});
