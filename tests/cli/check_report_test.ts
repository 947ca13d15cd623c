/** Reports of `kload check`, for verdicts and findings made by hand; the texts were written by hand too. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { terminalPage } from "../../cli/output/page.ts";
import { paintFor } from "../../cli/output/paint.ts";
import { breachText } from "../../cli/report/breach_text.ts";
import { type CheckedAs, checkReport, verdictText } from "../../cli/report/check_report.ts";
import { checkStatus, type FailOn } from "../../cli/report/check_status.ts";
import type { Finding, Verdict } from "../../loaders/check_kernel.ts";
import type { Protocol } from "../../protocols/mod.ts";

const PLAIN = paintFor(false);
const CHECKED: CheckedAs = { name: "kernel.elf", verbose: false, failOn: "error" };

const KLOAD: Verdict = { loader: "kload", intended: false, outcome: "boots" };
const MULTIBOOT2: Protocol = { name: "multiboot2", offset: 0x1000, summary: "Multiboot 2: header at 0x1000" };
const OVERLAP: Verdict = {
  loader: "grub-multiboot2",
  intended: true,
  outcome: "refuses",
  rule: "phys-overlap",
  words: "overlap detected",
  index: 1,
  offset: 0x90,
  message: "Program header 1 overlaps program header 0 in physical memory.",
  hint: "Give each segment physical addresses of its own: AT(…) in the linker script.",
  ranges: [
    { name: "program header 0", start: 0x10_0000n, end: 0x10_2000n },
    { name: "program header 1", start: 0x10_1000n, end: 0x10_3000n },
  ],
};
const RWX: Finding = {
  rule: "rwx-load",
  severity: "warning",
  index: 0,
  offset: 0x44,
  message: "Program header 0 is writable and executable.",
  hint: "Keep code and data in separate segments.",
  url: "https://example.com/rwx-load.md",
};
const STACK: Finding = {
  rule: "stack-executable",
  severity: "info",
  message: "The kernel asks for an executable stack.",
  url: "https://example.com/stack-executable.md",
};

type Report = Parameters<typeof checkReport>[0];
const report = (part: Partial<Report>): Report => {
  return { format: "elf", description: "ELF file", protocols: [], verdicts: [], findings: [], ...part };
};

Deno.test("a file that its loader refuses: the verdict, a line for each loader, why, and what to do", () => {
  const text = checkReport(
    report({ protocols: [MULTIBOOT2], verdicts: [KLOAD, OVERLAP], findings: [RWX, STACK] }),
    CHECKED,
    PLAIN,
  );
  assertEquals(
    text,
    `kernel.elf: grub-multiboot2 refuses it, 1 warning
  boot protocol  Multiboot 2: header at 0x1000

Loaders
  loader           intended  verdict
  kload            -         loads and enters it
  grub-multiboot2  yes       refuses: overlap detected

Why grub-multiboot2 refuses it
  error[phys-overlap]: Program header 1 overlaps program header 0 in physical memory.
    symptom: overlap detected
    where: program header 1, file offset 0x90
    program header 0  ================################................  0x100000..0x102000
    program header 1  ................################================  0x101000..0x103000
    hint: Give each segment physical addresses of its own: AT(…) in the linker script.

Findings
  warning[rwx-load]: Program header 0 is writable and executable.
    where: program header 0, file offset 0x44
    hint: Keep code and data in separate segments.
  1 finding of severity info (stack-executable) hidden; -v shows it

  more: kload explain CODE
`,
  );
});

Deno.test("a file with which all is well is said to be so in a line", () => {
  const verdicts: readonly Verdict[] = [
    { ...KLOAD, loader: "limine-8", intended: true },
    { ...KLOAD, loader: "limine-12", intended: true },
  ];
  assertEquals(
    checkReport(
      report({ verdicts, protocols: [{ name: "limine", summary: "Limine: base revision 3" }] }),
      CHECKED,
      PLAIN,
    ),
    `kernel.elf: limine-8 and limine-12 load and enter it, no errors or warnings
  boot protocol  Limine: base revision 3

Loaders
  loader     intended  verdict
  limine-8   yes       loads and enters it
  limine-12  yes       loads and enters it
`,
  );
});

Deno.test("loaders with the same reason share it; the others' reasons are shown with -v", () => {
  const low: Omit<Verdict, "loader"> = {
    intended: true,
    outcome: "refuses",
    rule: "pvh-e-entry-low",
    words: "Invalid entry address",
    offset: 24,
    message: "e_entry is 0x1000, below 1 MiB.",
    hint: "Set ENTRY(…) to an address of at least 1 MiB.",
  };
  const verdicts: readonly Verdict[] = [
    {
      loader: "grub-multiboot",
      intended: false,
      outcome: "refuses",
      rule: "no-header",
      message: "There is no header.",
    },
    { loader: "qemu-kernel", intended: true, outcome: "fails", rule: "note-align-zero", message: "QEMU divides by 0." },
    { loader: "firecracker", ...low },
    { loader: "cloud-hypervisor", ...low },
    { loader: "openvmm", intended: true, outcome: "boots" },
  ];
  const text = checkReport(report({ verdicts }), CHECKED, PLAIN);
  assertEquals(
    text,
    `kernel.elf:
  firecracker and cloud-hypervisor refuse it, qemu-kernel fails with it, openvmm loads and enters it
  boot protocol  none recognized

Loaders
  loader            intended  verdict
  grub-multiboot    -         refuses: no-header
  qemu-kernel       yes       fails: note-align-zero
  firecracker       yes       refuses: Invalid entry address
  cloud-hypervisor  yes       refuses: Invalid entry address
  openvmm           yes       loads and enters it

Why qemu-kernel fails
  error[note-align-zero]: QEMU divides by 0.

Why firecracker and cloud-hypervisor refuse it
  error[pvh-e-entry-low]: e_entry is 0x1000, below 1 MiB.
    symptom: Invalid entry address
    where: file offset 0x18
    hint: Set ENTRY(…) to an address of at least 1 MiB.

  more: kload explain CODE
`,
  );
  const verbose = checkReport(report({ verdicts }), { ...CHECKED, verbose: true }, PLAIN);
  assertStringIncludes(verbose, "Why grub-multiboot refuses it\n  error[no-header]: There is no header.\n");
});

Deno.test("what is no ELF file is named", () => {
  const text = checkReport(report({ format: "gzip", description: "gzip data", verdicts: [KLOAD] }), CHECKED, PLAIN);
  assertStringIncludes(text, "\n  file           gzip data\n  boot protocol  none recognized\n");
});

Deno.test("the contents of a compressed file are named too, with its boot protocols", () => {
  const inside = { format: "elf", description: "ELF file", layers: ["zstd"], protocols: [MULTIBOOT2] } as const;
  const text = checkReport(report({ format: "zstd", description: "zstd data", inside }), CHECKED, PLAIN);
  assertStringIncludes(
    text,
    `
  file           zstd data
  contents       ELF file
  boot protocol  Multiboot 2: header at 0x1000
`,
  );
});

Deno.test("offsets are those of the contents of a compressed file, if the loader unpacks it, or are said to be", () => {
  const inside = { format: "elf", description: "ELF file", layers: ["zstd"], protocols: [] } as const;
  const verdicts: readonly Verdict[] = [{ ...OVERLAP, unpacked: ["zstd"] }, { ...OVERLAP, loader: "kload" }];
  const text = checkReport(report({ format: "zstd", inside, verdicts, findings: [RWX] }), CHECKED, PLAIN);
  assertEquals(text.match(/where: .*/g), [
    "where: program header 1, offset 0x90 of the contents",
    "where: program header 1, file offset 0x90",
    "where: program header 0, offset 0x44 of the contents",
  ]);
});

Deno.test("a user program is said first, whatever its severity, then errors, and the other findings come last", () => {
  const user: Finding = { ...STACK, rule: "user-program", message: "This is a user program: it names an interpreter." };
  const entry: Finding = { ...RWX, rule: "entry-not-executable", severity: "error", message: "The entry is data." };
  const text = checkReport(report({ verdicts: [KLOAD], findings: [RWX, user, entry] }), CHECKED, PLAIN);
  assert(text.startsWith("kernel.elf: a user program, 1 error, 1 warning\n"), text);
  const order = ["This is a user program", "error[entry-not-executable]", "Loaders", "Findings", "warning[rwx-load]"];
  const places = order.map((part) => text.indexOf(part));
  assertEquals(places, places.toSorted((one, other) => one - other));
  assert(!places.includes(-1));
  assertEquals(text.split("This is a user program").length, 2);
});

Deno.test("-v shows findings of severity info with their hints", () => {
  const text = checkReport(
    report({ findings: [{ ...STACK, hint: "Mark it." }] }),
    { ...CHECKED, verbose: true },
    PLAIN,
  );
  assertStringIncludes(
    text,
    "  info[stack-executable]: The kernel asks for an executable stack.\n    hint: Mark it.\n",
  );
});

Deno.test("findings are counted, and at most 20 of them shown", () => {
  const findings = Array.from({ length: 1234 }, (_, index) => ({ ...RWX, index }));
  const text = checkReport(report({ findings }), { ...CHECKED, failOn: "warning" }, PLAIN);
  assertStringIncludes(text, "kernel.elf: 1,234 warnings, exit status 1 because of --fail-on warning\n");
  assertStringIncludes(text, "  ... and 1,214 more (--json lists all)\n");
  assertEquals(text.split("warning[rwx-load]").length - 1, 20);
});

Deno.test("a report folds to the terminal's width, pictures included", () => {
  const whole = report({ protocols: [MULTIBOOT2], verdicts: [KLOAD, OVERLAP], findings: [RWX, STACK] });
  for (const width of [40, 60, 80, 120]) {
    const text = checkReport(whole, CHECKED, { ...PLAIN, ...terminalPage(width) });
    for (const line of text.split("\n")) assert(line.length <= width || line.includes(".."), `${width}: ${line}`);
    const bars = text.split("\n").map((line) => line.match(/[=#.]{6,}/)?.[0]).filter((bar) => bar !== undefined);
    assertEquals(bars.length, 2);
    assertEquals(bars[0].length, bars[1].length);
  }
});

Deno.test("text from the file cannot control the terminal", () => {
  const verdict: Verdict = { ...OVERLAP, message: "a\x1b[31mb", words: "c\nd", hint: "e\x07f" };
  const text = checkReport(report({ verdicts: [verdict] }), { ...CHECKED, name: "k\x1b.elf" }, PLAIN);
  // deno-lint-ignore no-control-regex
  assertEquals(/[\x00-\x09\x0b-\x1f]/.test(text), false);
  assertStringIncludes(text, "symptom: c\\u000ad\n");
});

Deno.test("a message that does not name its program header gets that in front", () => {
  assertEquals(breachText({ message: "No entry." }), "No entry.");
  assertEquals(breachText({ index: 1, message: "p_align is 0." }), "Program header 1: p_align is 0.");
  assertEquals(
    breachText({ index: 1, message: "The bytes of program header 1 end." }),
    "The bytes of program header 1 end.",
  );
  assertEquals(
    breachText({ index: 1, message: "It overlaps program header 10." }),
    "Program header 1: It overlaps program header 10.",
  );
});

Deno.test("a verdict without words is that of its rule", () => {
  assertEquals(verdictText({ outcome: "boots" }), "loads and enters it");
  assertEquals(verdictText({ outcome: "boots", unpacked: ["gzip"] }), "unpacks it, loads and enters its contents");
  assertEquals(verdictText({ outcome: "refuses", words: "no", rule: "x" }), "refuses: no");
  assertEquals(verdictText({ outcome: "fails", rule: "x" }), "fails: x");
  assertEquals(verdictText({ outcome: "fails" }), "fails");
});

Deno.test("the exit status goes by intended loaders and by the severity of findings", () => {
  const other = { ...OVERLAP, intended: false };
  const error: Finding = { ...RWX, severity: "error" };
  const cases: readonly (readonly [Partial<Report>, FailOn, number])[] = [
    [{}, "error", 0],
    [{ verdicts: [KLOAD, other] }, "error", 0],
    [{ verdicts: [KLOAD, OVERLAP] }, "error", 1],
    [{ verdicts: [{ ...OVERLAP, outcome: "fails" }] }, "error", 1],
    [{ verdicts: [KLOAD, OVERLAP], findings: [error] }, "never", 0],
    [{ findings: [RWX, STACK] }, "error", 0],
    [{ findings: [RWX, STACK] }, "warning", 1],
    [{ findings: [STACK] }, "warning", 0],
    [{ findings: [error] }, "error", 1],
    [{ findings: [error] }, "warning", 1],
  ];
  for (const [part, failOn, status] of cases) {
    assertEquals(checkStatus(report(part), failOn), status, `${JSON.stringify(part, replaceBigints)} ${failOn}`);
  }
});

function replaceBigints(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}` : value;
}

Deno.test("an error among the findings is the first thing to be said, and the other findings come last", () => {
  const far: Finding = { ...STACK, rule: "header-too-far", severity: "error", message: "A header lies too far." };
  const refused: Verdict = { ...KLOAD, intended: true, outcome: "refuses", rule: "class-unsupported", message: "No." };
  const lines = checkReport(report({ verdicts: [refused], findings: [RWX, far] }), CHECKED, PLAIN).split("\n");
  assertEquals(
    lines[0],
    "kernel.elf: its Multiboot header lies where no loader looks, kload refuses it, 1 error, 1 warning",
  );
  const places = ["  error[header-too-far]: ", "Loaders", "Why kload", "Findings", "  warning[rwx-load]"].map((start) =>
    lines.findIndex((line) => line.startsWith(start))
  );
  assertEquals(places.includes(-1), false);
  assertEquals(places, places.toSorted((a, b) => a - b));
});
