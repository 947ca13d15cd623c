/** Turns styling on or off; it stays off where the environment sets `NO_COLOR`. */
export declare function setColorEnabled(value: boolean): void;

/** Tells whether styling is on. */
export declare function getColorEnabled(): boolean;

/** Makes text bold. */
export declare function bold(str: string): string;

/** Makes text dim. */
export declare function dim(str: string): string;

/** Makes text red. */
export declare function red(str: string): string;

/** Makes text green. */
export declare function green(str: string): string;

/** Makes text yellow. */
export declare function yellow(str: string): string;

/** Makes text blue. */
export declare function blue(str: string): string;

/** Makes text magenta. */
export declare function magenta(str: string): string;

/** Makes text cyan. */
export declare function cyan(str: string): string;

/** Makes text gray. */
export declare function gray(str: string): string;

/** Removes the ANSI escape codes from text. */
export declare function stripAnsiCode(string: string): string;
