/** Converts an absolute path to a file URL. */
export declare function toFileUrl(path: string): URL;
