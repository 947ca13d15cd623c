/** Joins streams into one that emits their chunks in order; cancelling it cancels them all. */
export declare function concatReadableStreams<T>(...streams: ReadableStream<T>[]): ReadableStream<T>;
