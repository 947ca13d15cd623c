/** What a workload is: kload and a floor doing the same job, to be measured in turn. */

import process from "node:process";

/** Does the job once, and returns what it cost in the workload's unit. */
export type Sampler = () => number | Promise<number>;

/** Both sides of a workload, ready to run; disposing of it removes what it needed. */
export interface Sides extends Partial<AsyncDisposable> {
  /** Runs before each round, and is not timed. */
  readonly prepare?: () => unknown;
  /** The floor. */
  readonly floor: Sampler;
  /** kload, or whatever is compared with the floor. */
  readonly kload: Sampler;
}

/** What a cost is counted in. */
export type Unit = "µs" | "KiB";

/** One row of the table. */
export interface Workload {
  /** What is done, and after " / " what the floor is. */
  readonly name: string;
  /** What the costs are counted in. Default: µs. */
  readonly unit?: Unit;
  /** The largest ratio of kload to the floor that is accepted; without it, the row only informs. */
  readonly aim?: number;
  /** Prepares both sides. */
  readonly open: () => Sides | Promise<Sides>;
}

/** Workloads that run in one process, so that no other group has shaped its compiled code or its heap. */
export interface Group {
  /** Its name, for the table and `--filter`. */
  readonly name: string;
  /** Its rows. */
  readonly workloads: readonly Workload[];
}

/** What to time: `prepare` runs before `run`, and is not timed. */
export interface Timed {
  readonly prepare?: () => unknown;
  readonly run: () => unknown;
  /** How often `run` does the job, for what is too short for the clock. Default: 1. */
  readonly times?: number;
}

/**
 * Returns a sampler of the processor time that doing a job once takes, in microseconds: of all threads, thus with the
 * collection of its garbage, but without the time in which other programs run.
 */
export function timed(job: Timed): Sampler {
  return sampler(job, () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  });
}

/**
 * Returns a sampler of the time by the clock, for a job that waits for something or leaves part of its cost to later.
 */
export function clocked(job: Timed): Sampler {
  return sampler(job, () => performance.now() * 1000);
}

function sampler({ prepare, run, times = 1 }: Timed, now: () => number): Sampler {
  return async () => {
    await prepare?.();
    const start = now();
    const done = run();
    if (done instanceof Promise) await done;
    return (now() - start) / times;
  };
}

/** Like {@linkcode timed}, of a job that is done so many times, one after the other. */
export function timedEach(times: number, job: () => unknown): Sampler {
  const run = () => {
    for (let time = 0; time < times; time++) job();
  };
  return timed({ run, times });
}

/** Like {@linkcode timedEach}, of a job that is waited for. */
export function timedEachAwaited(times: number, job: () => Promise<unknown>): Sampler {
  const run = async () => {
    for (let time = 0; time < times; time++) await job();
  };
  return timed({ run, times });
}
