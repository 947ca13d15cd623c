/**
 * The keys of a terminal in raw mode, one of which is for kload itself.
 *
 * @module
 */

/** Ctrl-A, as in QEMU and minicom. */
const ESCAPE = 0x01;

/** What the keys mean, for the one who types. */
export const ESCAPE_HELP = "keys go to the guest; Ctrl-A X ends the run, Ctrl-A Ctrl-A sends Ctrl-A";

/** Tells keys for the guest from those for kload. */
export interface EscapeKeys {
  /** Takes what was typed and returns what is for the guest. */
  readonly take: (typed: Uint8Array) => Uint8Array;
  /** Whether the way out was typed. Nothing that follows it is for the guest. */
  readonly quit: boolean;
}

/**
 * Reads keys: Ctrl-A X is the way out, Ctrl-A Ctrl-A is one Ctrl-A, and after Ctrl-A any other key is dropped, as QEMU
 * does it.
 *
 * @returns The state of the keyboard, in which no key was typed yet.
 */
export function escapeKeys(): EscapeKeys {
  let escaped = false;
  let quit = false;
  return {
    take: (typed) => {
      const passed: number[] = [];
      for (const key of typed) {
        if (quit) break;
        if (escaped) {
          if (key === ESCAPE) passed.push(key);
          quit = key === 0x58 || key === 0x78; // X or x
          escaped = false;
        } else if (key === ESCAPE) escaped = true;
        else passed.push(key);
      }
      return Uint8Array.from(passed);
    },
    get quit() {
      return quit;
    },
  };
}
