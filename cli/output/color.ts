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
 * Reads the environment. `FORCE_COLOR` is read only if permission was granted; kload never prompts for it.
 *
 * @returns The variables.
 */
export function colorEnvironment(): ColorEnvironment {
  const variable = "FORCE_COLOR";
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return { noColor: Deno.noColor, forceColor: state === "granted" ? Deno.env.get(variable) : undefined };
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
