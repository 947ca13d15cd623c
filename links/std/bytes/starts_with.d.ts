/** Tells whether a byte array begins with the bytes of another. */
export declare function startsWith(source: Uint8Array, prefix: Uint8Array): boolean;
