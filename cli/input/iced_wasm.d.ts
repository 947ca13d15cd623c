/** The compiled code. */
export declare const compiled: WebAssembly.Module;
