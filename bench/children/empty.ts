// Nothing: what Deno costs for any program.
