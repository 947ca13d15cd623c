/** Switches to the standard library on JSR: removes the local packages that stand in for it, and their links. */

const CONFIG = new URL("../deno.json", import.meta.url);

const config = JSON.parse(await Deno.readTextFile(CONFIG));
delete config.links;
config.publish.include = config.publish.include.filter((path: string) => path !== "links/");
await Deno.writeTextFile(CONFIG, JSON.stringify(config, null, 2) + "\n");
await Deno.remove(new URL("../links", import.meta.url), { recursive: true });
await Deno.remove(new URL("../deno.lock", import.meta.url));
