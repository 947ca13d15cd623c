/** Names without a dot: a dotted name is a nested property, which is left to the index signature. */
type Plain<Name> = Name extends `${string}.${string}` ? never : Extract<Name, string>;

/** `false` where a flag may be negated with `--no-`, otherwise nothing. */
type Negated<Name, Negatable> = Name extends Negatable ? false : never;

/** The flags named by the options, each with the type that the options give it. */
type Named<Booleans, Strings, Collectable, Negatable> =
  & { [Name in Exclude<Plain<Strings>, Collectable>]?: string | Negated<Name, Negatable> }
  & { [Name in Extract<Plain<Strings>, Collectable>]: string[] | Negated<Name, Negatable> }
  & { [Name in Exclude<Plain<Booleans>, Strings>]: Name extends Collectable ? boolean[] : boolean }
  & { [Name in Exclude<Plain<Collectable>, Strings | Booleans>]: unknown[] | Negated<Name, Negatable> };

/** The flags after the defaults: a flag with a default is always there. */
type WithDefaults<Flags, Defaults> = [Defaults] extends [undefined] ? Flags
  :
    & Omit<Flags, keyof Defaults>
    & {
      [Name in Plain<keyof Defaults>]: Name extends keyof Flags ? Defaults[Name] | NonNullable<Flags[Name]> : unknown;
    };

/** A flag's own name and its aliases. */
type Names<Name, Aliases> = Name extends keyof Aliases
  ? Name | (Aliases[Name] extends string ? Aliases[Name] : Extract<Aliases[Name], readonly string[]>[number])
  : Name;

/** The flags under their own names and their aliases. */
type WithAliases<Flags, Aliases> = { [Name in keyof Flags as Names<Name, Aliases>]: Flags[Name] };

/**
 * All flags of the result; names that are not literal types promise nothing.
 * @internal
 */
type Flags<Booleans, Strings, Collectable, Negatable, Defaults, Aliases> = string extends
  Booleans | Strings | Collectable ? Record<string, unknown>
  :
    & Record<string, unknown>
    & WithAliases<WithDefaults<Named<Booleans, Strings, Collectable, Negatable>, Defaults>, Aliases>;

/**
 * What the option `"--"` adds to the result.
 * @internal
 */
type DoubleDash = {
  /** The arguments after `--`. */
  "--": string[];
};

/** The value returned from {@linkcode parseArgs}. */
export type Args<
  TArgs extends Record<string, unknown> = Record<string, unknown>,
  TDoubleDash extends boolean | undefined = undefined,
> =
  & TArgs
  & {
    /** The arguments that belong to no flag. */
    _: Array<string | number>;
  }
  & (boolean extends TDoubleDash ? Partial<DoubleDash> : true extends TDoubleDash ? DoubleDash : Record<never, never>);

/** Options for {@linkcode parseArgs}. */
export interface ParseOptions<
  TBooleans extends boolean | string | undefined = boolean | string | undefined,
  TStrings extends string | undefined = string | undefined,
  TCollectable extends string | undefined = string | undefined,
  TNegatable extends string | undefined = string | undefined,
  TDefault extends Record<string, unknown> | undefined = Record<string, unknown> | undefined,
  TAliases extends Record<string, string | readonly string[]> | undefined =
    | Record<string, string | readonly string[]>
    | undefined,
  TDoubleDash extends boolean | undefined = boolean | undefined,
> {
  /** When `true`, the arguments after `--` go to the result's `"--"` instead of `_`. */
  "--"?: TDoubleDash;
  /** Further names of a flag: an object of flag name to one alias or a list of them. */
  alias?: TAliases;
  /** The flags without a value, `false` by default; `true` stands for every `--flag` without `=`. */
  boolean?: TBooleans | ReadonlyArray<Extract<TBooleans, string>>;
  /** The values of flags that were not given. */
  default?: TDefault;
  /** When `true`, everything after the first argument that is no flag goes to `_`. */
  stopEarly?: boolean;
  /** The flags whose value stays a string, even one that looks like a number. */
  string?: TStrings | ReadonlyArray<Extract<TStrings, string>>;
  /** The flags that may be given several times, whose values are collected in an array. */
  collect?: TCollectable | ReadonlyArray<Extract<TCollectable, string>>;
  /** The flags that `--no-` before the name sets to `false`. */
  negatable?: TNegatable | ReadonlyArray<Extract<TNegatable, string>>;
  /** Called with each argument that the options do not name; `false` leaves it out of the result. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** Parses command line arguments into an object of flags, with the remaining arguments in `_`. */
export declare function parseArgs<
  TBooleans extends boolean | string | undefined = undefined,
  TStrings extends string | undefined = undefined,
  TCollectable extends string | undefined = undefined,
  TNegatable extends string | undefined = undefined,
  TDefault extends Record<string, unknown> | undefined = undefined,
  TAliases extends Record<string, TAliasNames | readonly TAliasNames[]> | undefined = undefined,
  TDoubleDash extends boolean | undefined = undefined,
  TAliasNames extends string = string,
>(
  args: string[],
  options?: ParseOptions<TBooleans, TStrings, TCollectable, TNegatable, TDefault, TAliases, TDoubleDash>,
): Args<Flags<TBooleans, TStrings, TCollectable, TNegatable, TDefault, TAliases>, TDoubleDash>;
