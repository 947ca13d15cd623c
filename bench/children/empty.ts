// Nothing: what any program costs that Deno runs.
