/** Resolves path segments, from right to left, to an absolute path. */
export declare function resolve(...pathSegments: string[]): string;
