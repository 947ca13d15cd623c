/** Turns a `file:` URL into a path of this system. */
export declare function fromFileUrl(url: string | URL): string;
