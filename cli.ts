/**
 * The command line: `kload load FILE|-|URL` loads a kernel and tells of it, `kload inspect` shows its headers.
 *
 * ```sh
 * deno run --allow-read=kernel.elf jsr:@kload/kload/cli load kernel.elf
 * deno install --global --allow-read --allow-write --allow-net --name kload jsr:@kload/kload/cli
 * ```
 *
 * @module
 */

import { main } from "./cli/main.ts";

if (import.meta.main) Deno.exit(await main(Deno.args));
