/** Tells whether two byte arrays have the same contents. */
export declare function equals(a: Uint8Array, b: Uint8Array): boolean;
