/** The values that count as false. */
export type Falsy = false | 0 | 0n | "" | null | undefined;

/** Any constructor. */
export type AnyConstructor = new (...args: never[]) => unknown;

/** The type of what a constructor makes. */
export type GetConstructorType<T extends AnyConstructor> = InstanceType<T>;

/** The error that a failed assertion throws. */
export declare class AssertionError extends Error {
  /** Makes the error with a message and, in the options, its cause. */
  constructor(message: string, options?: ErrorOptions);
}

/** Asserts that a value is truthy. */
export declare function assert(expr: unknown, msg?: string): asserts expr;

/** Asserts that a value is falsy. */
export declare function assertFalse(expr: unknown, msg?: string): asserts expr is Falsy;

/** Asserts that two values are deeply equal. */
export declare function assertEquals<T>(actual: T, expected: T, msg?: string): void;

/** Asserts that two values are not deeply equal. */
export declare function assertNotEquals<T>(actual: T, expected: T, msg?: string): void;

/** Asserts that two values are the same by `Object.is`. */
export declare function assertStrictEquals<T>(actual: unknown, expected: T, msg?: string): asserts actual is T;

/** Asserts that two numbers differ by no more than a tolerance. */
export declare function assertAlmostEquals(actual: number, expected: number, tolerance?: number, msg?: string): void;

/** Asserts that a value is neither null nor undefined. */
export declare function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T>;

/** Asserts that a value is greater than another. */
export declare function assertGreater<T>(actual: T, expected: T, msg?: string): void;

/** Asserts that a value is greater than another or equal to it. */
export declare function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void;

/** Asserts that a value is less than another. */
export declare function assertLess<T>(actual: T, expected: T, msg?: string): void;

/** Asserts that a value is less than another or equal to it. */
export declare function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void;

/** Asserts that a value is an instance of a class. */
export declare function assertInstanceOf<T extends AnyConstructor>(
  actual: unknown,
  expectedType: T,
  msg?: string,
): asserts actual is GetConstructorType<T>;

/** Asserts that a string matches a regular expression. */
export declare function assertMatch(actual: string, expected: RegExp, msg?: string): void;

/** Asserts that a string contains another. */
export declare function assertStringIncludes(actual: string, expected: string, msg?: string): void;

/** Asserts that an object has, deeply, the properties of another. */
export declare function assertObjectMatch(actual: object, expected: Record<PropertyKey, unknown>, msg?: string): void;

/** Asserts that a function throws, and returns what it threw. */
export declare function assertThrows(fn: () => unknown, msg?: string): unknown;
/** Asserts that a function throws an error of a class whose message contains a text, and returns the error. */
export declare function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: new (...args: never[]) => E,
  msgIncludes?: string,
  msg?: string,
): E;

/** Asserts that a promise rejects, and resolves to what it rejected with. */
export declare function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/** Asserts that a promise rejects with an error of a class whose message contains a text, and resolves to the error. */
export declare function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: new (...args: never[]) => E,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;

/** Fails always. */
export declare function fail(msg?: string): never;

/** Fails where the code should never come. */
export declare function unreachable(msg?: string): never;
