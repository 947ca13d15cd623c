/**
 * Compares kload with its floors, and fails if an aim is missed; bench/README.md explains the table:
 *
 *     deno task bench [--filter TEXT] [--quick] [--json] [--list]
 */

import { runBench } from "./runner/run_bench.ts";

Deno.exitCode = await runBench({ args: Deno.args, registry: new URL("./groups.ts", import.meta.url) });
