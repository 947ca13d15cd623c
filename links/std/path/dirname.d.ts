/** Returns the directory part of a path. */
export declare function dirname(path: string | URL): string;
