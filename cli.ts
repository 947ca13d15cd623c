/**
 * The command line: `kload load FILE|-|URL` loads a kernel and prints a report, `kload inspect` shows its headers,
 * `kload run` boots it in QEMU, and `kload help` lists the other commands.
 *
 * ```sh
 * deno run --allow-read=kernel.elf jsr:@kload/kload/cli load kernel.elf
 * deno install --global --allow-read --allow-write --allow-net --allow-run=sh --name kload jsr:@kload/kload/cli
 * ```
 *
 * The README lists the permissions that each argument needs; only `kload run` needs `--allow-run=sh`, and `--allow-net`
 * for its sockets. To use plugins of your own that import kload by its name, install it with the command in the README.
 *
 * @module
 */

import { main } from "./cli/main.ts";

if (import.meta.main) Deno.exit(await main(Deno.args));
