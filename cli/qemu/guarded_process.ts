/**
 * A process that never outlives this one.
 *
 * @module
 */

/** What to run. */
export interface GuardedOptions {
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** A folder that is removed if this process ends before the program. */
  readonly folder: string;
  /** A file in that folder, which exists until then. */
  readonly alive: string;
  /** Paths of named pipes to make before the program starts. */
  readonly pipes: readonly string[];
}

/** A running process. */
export interface GuardedProcess extends Pick<Deno.ChildProcess, "stdout" | "stderr" | "status"> {
  /** Ends it at once. */
  readonly kill: () => void;
}

/**
 * A script that runs a program until it ends or standard input closes, which happens whenever this process ends, for
 * whatever reason. Only in the latter case does it remove the folder: it marks that case by removing a file in it.
 */
const GUARD = `
folder=$1; alive=$2; shift 2
while [ "$1" != -- ]; do mkfifo -- "$1"; shift; done; shift
trap '' INT HUP TERM
exec 3<&0
"$@" 3<&- </dev/null &
program=$!
{ read -r _; rm -f -- "$alive"; kill -9 "$program"; } <&3 3<&- >/dev/null 2>&1 &
guard=$!
exec 3<&- >/dev/null 2>&1
wait "$program"
status=$?
kill "$guard" 2>/dev/null
[ -e "$alive" ] || rm -rf -- "$folder"
exit "$status"
`;

/** The exit status if the program is not found. */
export const NOT_FOUND = 127;

/**
 * Starts a program. Its standard input is empty.
 *
 * @param options The program.
 * @returns The process; its exit status is the program's.
 * @throws {Error} If no shell can be started.
 */
export function startGuarded({ command, folder, alive, pipes }: GuardedOptions): GuardedProcess {
  const args = ["-c", GUARD, "sh", folder, alive, ...pipes, "--", ...command];
  const child = new Deno.Command("sh", { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  const { stdout, stderr, status } = child;
  return { stdout, stderr, status, kill: () => void child.stdin.abort().catch(() => {}) };
}
