/** Returns the last part of a path, without the suffix if that is given. */
export declare function basename(path: string | URL, suffix?: string): string;
