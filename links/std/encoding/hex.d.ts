/** Writes bytes, or the UTF-8 bytes of a string, in lowercase hexadecimal. */
export declare function encodeHex(src: string | Uint8Array | ArrayBuffer): string;

/** Reads hexadecimal of either case; throws where it is malformed. */
export declare function decodeHex(src: string): Uint8Array<ArrayBuffer>;
