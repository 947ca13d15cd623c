/** Joins parts of a path and normalizes the result. */
export declare function join(path: string | URL, ...paths: string[]): string;
