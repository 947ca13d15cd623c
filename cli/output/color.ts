/**
 * Decides whether a stream gets colors: by flag, by environment, or because it is a terminal.
 *
 * @module
 */

/** The values of `--color`. */
export const COLOR_CHOICES = ["auto", "always", "never"] as const;

/** When to print colors. */
export type ColorChoice = typeof COLOR_CHOICES[number];

/** The environment variables about colors. */
export interface ColorEnvironment {
  /** Whether `NO_COLOR` is set and not empty. */
  readonly noColor: boolean;
  /** The value of `FORCE_COLOR`, if it is set and can be read. */
  readonly forceColor?: string;
}

/**
 * Reads the environment. Variables are read only if permission was granted; kload never prompts for it.
 *
 * @returns The variables.
 */
export function colorEnvironment(): ColorEnvironment {
  // Deno.noColor needs no permission, but is false if FORCE_COLOR is also set.
  const noColor = Deno.noColor || (readVariable("NO_COLOR") ?? "") !== "";
  return { noColor, forceColor: readVariable("FORCE_COLOR") };
}

function readVariable(variable: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) : undefined;
}

/**
 * Decides whether a stream gets colors. The flag takes precedence over the environment, and `NO_COLOR` over
 * `FORCE_COLOR`; a `FORCE_COLOR` of 0 or false turns colors off.
 *
 * @param choice The flag's value.
 * @param environment The environment.
 * @param isTerminal Whether the stream is a terminal.
 * @returns Whether it gets colors.
 */
export function usesColor(choice: ColorChoice, environment: ColorEnvironment, isTerminal: boolean): boolean {
  if (choice !== "auto") return choice === "always";
  const { noColor, forceColor = "" } = environment;
  if (noColor) return false;
  return forceColor === "" ? isTerminal : !["0", "false"].includes(forceColor);
}
