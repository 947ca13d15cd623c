/** Runs a command in a terminal of its own, by Python's pty module. */

import { assert, assertEquals } from "@std/assert";

/** What to do in a terminal, in order. */
export interface Step {
  /** What to wait for in all that was printed so far. */
  readonly after: string;
  /** What to type then. */
  readonly type?: string;
  /** The signal to send then. */
  readonly signal?: string;
}

/** How it ended, and what it printed. */
export interface Session {
  /** The exit status; 128 and the signal's number if a signal ended it. */
  readonly status: number;
  /** All that was printed. */
  readonly text: string;
  /** The terminal's modes (termios) before, when each step was taken, and after. */
  readonly modes: readonly string[];
}

const PROGRAM = `
import json, os, pty, select, signal, sys, termios, time
command, steps = json.loads(sys.argv[1]), json.loads(sys.argv[2])
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
modes = [str(termios.tcgetattr(terminal)[:4])]
text, at, end = b"", 0, time.time() + 60
def read():
    global text
    if not select.select([terminal], [], [], max(0, end - time.time()))[0]:
        os.kill(pid, signal.SIGKILL)
        sys.exit("nothing more came after: " + repr(text))
    try:
        piece = os.read(terminal, 65536)
    except OSError:
        return False
    text += piece
    return len(piece) > 0
for step in steps:
    while True:
        found = text.find(step["after"].encode(), at)
        if found >= 0:
            break
        if not read():
            sys.exit("it ended after: " + repr(text))
    at = found + len(step["after"].encode())
    modes.append(str(termios.tcgetattr(terminal)[:4]))
    if "type" in step:
        os.write(terminal, step["type"].encode())
    if "signal" in step:
        os.kill(pid, getattr(signal, step["signal"]))
while read():
    pass
modes.append(str(termios.tcgetattr(terminal)[:4]))
_, status = os.waitpid(pid, 0)
status = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
print(json.dumps({"status": status, "text": text.decode(errors="replace"), "modes": modes}))
`;

/** Runs a command in a terminal; a step that is not reached fails. */
export async function inTerminal(
  command: readonly string[],
  steps: readonly Step[],
  env: Readonly<Record<string, string>> = {},
): Promise<Session> {
  const python = new Deno.Command("python3", {
    args: ["-c", PROGRAM, JSON.stringify(command), JSON.stringify(steps)],
    env: { NO_COLOR: "1", TERM: "xterm", ...env },
    stdin: "null",
  });
  const { success, stdout, stderr } = await python.output();
  assert(success, new TextDecoder().decode(stderr));
  const session: Session = JSON.parse(new TextDecoder().decode(stdout));
  assertEquals(session.modes.at(-1), session.modes[0], "the terminal is as it was before");
  return session;
}
