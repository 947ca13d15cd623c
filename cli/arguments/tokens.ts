/**
 * Splits arguments into tokens: flags with their values, and sources.
 *
 * @module
 */

import type { Flag } from "./flag.ts";

/** One flag or source among the arguments, or one that is passed on. */
export type Token =
  | { readonly kind: "flag"; readonly flag: Flag; readonly spelled: string; readonly value?: string }
  | { readonly kind: "unknown"; readonly spelled: string }
  | { readonly kind: "source"; readonly text: string }
  | { readonly kind: "passed"; readonly text: string };

/**
 * Splits arguments into tokens without checking them: a flag may be unknown, lack its value or have a superfluous one.
 *
 * A value follows its flag as the next argument or after an equals sign. The next argument is not taken as the value if
 * it looks like a flag rather than a negative number. An optional value is taken from the next argument only if that is
 * a number. Short flags may be joined, and the last of them may have a value. What follows "--" is a source, or is for
 * another program.
 *
 * @param args The arguments, without the command's name.
 * @param flags The flags of the command.
 * @param passes Whether what follows "--" is for another program.
 * @returns The tokens, in the order of the arguments.
 */
export function tokens(args: readonly string[], flags: readonly Flag[], passes = false): readonly Token[] {
  const found: Token[] = [];
  const end = args.includes("--") ? args.indexOf("--") : args.length;
  let at = 0;
  const add = (flag: Flag, spelled: string, attached: string | undefined): void => {
    if (flag.means !== undefined && attached === undefined) {
      const [name, value] = flag.means;
      const meant = flags.find((other) => other.name === name);
      if (meant) found.push({ kind: "flag", flag: meant, spelled, value });
      return;
    }
    const next = at < end ? args[at] : undefined;
    const takesNext = attached === undefined && flag.value !== undefined && next !== undefined &&
      (flag.optional ? NUMBER.test(next) : flag.verbatim || !/^-[^\d]/.test(next));
    if (takesNext) at++;
    found.push({ kind: "flag", flag, spelled, value: takesNext ? next : attached });
  };
  while (at < end) {
    const arg = args[at++];
    if (arg === "-" || !arg.startsWith("-")) {
      found.push({ kind: "source", text: arg });
      continue;
    }
    if (arg.startsWith("--")) {
      const { head, attached } = cut(arg);
      const flag = flags.find(({ name }) => `--${name}` === head);
      if (flag) add(flag, head, attached);
      else found.push({ kind: "unknown", spelled: head });
      continue;
    }
    const joined = joinedFlags(arg, flags);
    if (!joined) found.push({ kind: "unknown", spelled: cut(arg).head });
    for (const { flag, attached } of joined ?? []) add(flag, `-${flag.short}`, attached);
  }
  for (const text of args.slice(end + 1)) found.push({ kind: passes ? "passed" : "source", text });
  return found;
}

/** What counts as a value rather than a file name after a flag with an optional value. */
const NUMBER = /^(0x[\da-f_]+|\d[\d_,]*([kmg](ib)?)?)$/i;

function cut(arg: string): { readonly head: string; readonly attached?: string } {
  const equals = arg.indexOf("=");
  return equals < 0 ? { head: arg } : { head: arg.slice(0, equals), attached: arg.slice(equals + 1) };
}

/** The flags of an argument such as -qj or -ofile; `undefined` if one of its letters is not a flag. */
function joinedFlags(
  arg: string,
  flags: readonly Flag[],
): readonly { readonly flag: Flag; readonly attached?: string }[] | undefined {
  const found: { readonly flag: Flag; readonly attached?: string }[] = [];
  for (let at = 1; at < arg.length; at++) {
    const flag = flags.find(({ short }) => short === arg[at]);
    if (!flag) return undefined;
    const rest = arg.slice(at + 1);
    const ends = rest.startsWith("=") || (flag.value !== undefined && rest !== "");
    found.push(ends ? { flag, attached: rest.replace(/^=/, "") } : { flag });
    if (ends) break;
  }
  return found;
}
