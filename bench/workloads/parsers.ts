/** Packages that read ELF headers too, with the files that they can read; bench/README.md says which they cannot. */

import { Buffer } from "node:buffer";
import { loadKernel, readHeaders } from "../../mod.ts";
import { distributionKernel } from "../kernels.ts";
import { type Group, timedEachAwaited, type Workload } from "../runner/workload.ts";

const CALLS = 20;

/** A file, by what it is called. */
interface File {
  readonly name: string;
  readonly open: () => Uint8Array | Promise<Uint8Array>;
}

/** A package that reads headers, as a function that returns how many program headers it found. */
interface Parser {
  readonly name: string;
  readonly load: () => Promise<(file: Uint8Array) => Promise<number | undefined>>;
}

const hello: File = { name: "hello.elf", open: () => example("hello.elf") };
const helloPie: File = { name: "hello-pie.elf", open: () => example("hello-pie.elf") };
const distribution: File = { name: "53 MB", open: distributionKernel };

const elfinfo: Parser = {
  name: "elfinfo",
  load: async () => {
    const { open } = await import(packageUrl("elfinfo@0.4.0-beta"));
    return async (file) => (await open(file)).elf?.segments.length;
  },
};

/** It reverses the bytes of the fields that it reads, in place, and so needs a copy. */
const tools: Parser = {
  name: "elf-tools and a copy",
  load: async () => {
    const { default: { parse } } = await import(packageUrl("elf-tools@1.1.2"));
    return (file) => Promise.resolve(parse(Buffer.from(file)).programs.length);
  },
};

/**
 * Not a literal in import(), so that the types that come with these packages, those of an old Node among them, stay
 * out.
 */
function packageUrl(name: string): string {
  return `npm:${name}`;
}

function compare(what: string, use: (file: Uint8Array) => Promise<unknown>, file: File, parser: Parser): Workload {
  return {
    name: `${what} of ${file.name} / ${parser.name}`,
    open: async () => {
      const bytes = await file.open();
      const { programHeaders: { length } } = await readHeaders(bytes);
      const parse = await parser.load();
      if (await parse(bytes) !== length) throw new Error(`${parser.name} does not find ${length} headers`);
      return {
        floor: timedEachAwaited(CALLS, () => parse(bytes)),
        kload: timedEachAwaited(CALLS, () => use(bytes)),
      };
    },
  };
}

function example(name: string): Promise<Uint8Array> {
  return Deno.readFile(new URL(`../../examples/hello/${name}`, import.meta.url));
}

/** The group. */
export const parsers: Group = {
  name: "parsers",
  workloads: [
    compare("readHeaders()", readHeaders, hello, elfinfo),
    compare("loadKernel()", loadKernel, hello, elfinfo),
    compare("readHeaders()", readHeaders, helloPie, tools),
    compare("loadKernel()", loadKernel, helloPie, tools),
    compare("readHeaders()", readHeaders, distribution, elfinfo),
  ],
};
