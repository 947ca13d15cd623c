/** Copies bytes to an offset of another array, as many as fit, and returns how many were copied. */
export declare function copy(src: Uint8Array, dst: Uint8Array, offset?: number): number;
