/**
 * The command line: `kload load FILE|-|URL` loads a kernel and prints a report, `kload inspect` shows its headers,
 * `kload run` boots it in QEMU, and `kload help` lists the other commands.
 *
 * ```sh
 * deno run --allow-read=kernel.elf jsr:@kload/kload/cli load kernel.elf
 * deno install --global --allow-read --allow-write --allow-net --name kload jsr:@kload/kload/cli
 * ```
 *
 * The README has the command that installs it for plugins of your own, too.
 *
 * @module
 */

import { main } from "./cli/main.ts";

if (import.meta.main) Deno.exit(await main(Deno.args));
