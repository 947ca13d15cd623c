/** Whole processes, from their start to their end. */

import { distributionKernel } from "../kernels.ts";
import { namedKernel } from "../named_kernel.ts";
import { processTime, scriptPath } from "../runner/child.ts";
import { temporaryFile } from "../runner/temporary_file.ts";
import { clocked, type Group, type Sampler, type Workload } from "../runner/workload.ts";

const HELLO = pathOf("../../examples/hello/hello.elf");

const empty: Sampler = () => processTime([scriptPath("empty.ts")]);

/** The command line, by the processor time of the whole process. */
function command(args: readonly string[], aim: number): Workload {
  const name = `kload ${args.map((arg) => arg === HELLO ? "hello.elf" : arg).join(" ")} / an empty program`;
  return { name, aim, open: () => ({ floor: empty, kload: () => kload(args) }) };
}

const loadLarge: Workload = {
  name: "kload load of 53 MB / an empty program",
  aim: 5,
  open: async () => {
    const temporary = await temporaryFile(distributionKernel());
    return {
      floor: empty,
      kload: () => kload(["load", temporary.path]),
      [Symbol.asyncDispose]: () => temporary[Symbol.asyncDispose](),
    };
  },
};

const checkLarge: Workload = {
  name: "kload check of 53 MB / kload load of it",
  aim: 3,
  open: async () => {
    const temporary = await temporaryFile(distributionKernel());
    return {
      floor: () => kload(["load", temporary.path]),
      kload: () => kload(["check", temporary.path]),
      [Symbol.asyncDispose]: () => temporary[Symbol.asyncDispose](),
    };
  },
};

const walkNamed: Workload = {
  name: "kload walk of 55 MB with 100,000 symbols / kload load of it",
  aim: 1.5,
  open: async () => {
    const { file, name } = namedKernel(100_000);
    const temporary = await temporaryFile(file);
    return {
      floor: () => kload(["load", temporary.path]),
      kload: () => kload(["walk", temporary.path, `${name}+5`]),
      [Symbol.asyncDispose]: () => temporary[Symbol.asyncDispose](),
    };
  },
};

const firstLoad: Workload = {
  name: "loadKernel() of hello.elf in a fresh process / an empty program",
  open: () => ({ floor: empty, kload: () => processTime([scriptPath("first_load.ts")]) }),
};

const firstLoadWall: Workload = {
  name: "the same, by the clock",
  open: () => ({
    floor: clocked({ run: () => processTime([scriptPath("empty.ts")]) }),
    kload: clocked({ run: () => processTime([scriptPath("first_load.ts")]) }),
  }),
};

function kload(args: readonly string[]): Promise<number> {
  return processTime([pathOf("../../cli.ts"), ...args]);
}

function pathOf(name: string): string {
  return decodeURIComponent(new URL(name, import.meta.url).pathname);
}

/** The group. */
export const startUp: Group = {
  name: "start-up, by processor time",
  workloads: [
    command(["--help"], 1.8),
    command(["inspect", HELLO], 2.5),
    command(["load", HELLO], 2.7),
    loadLarge,
    checkLarge,
    walkNamed,
    firstLoad,
    firstLoadWall,
  ],
};
