/**
 * Expressions that choose runs of a map, such as `w&x` or `owner:stack | !r`.
 *
 * From the loosest to the tightest binding, the operators are `|`, `&` and `!`; parentheses group. What they combine is
 * a letter (`r`, `w`, `x`, `u`), or a kind and a name: `owner:`, `section:`, `segment:`.
 *
 * @module
 */

/** What a filter looks at in a run. */
export interface FilteredRun {
  /** What all levels allow together, such as "R-X". */
  readonly permissions: string;
  /** Whether all levels allow user mode. */
  readonly user: boolean;
  /** What the frames are for, if that is known of all of them and the same. */
  readonly owner?: string;
  /** What some of the frames are for, if they are not all for the same. */
  readonly owners?: readonly string[];
  /** Indices of the `PT_LOAD` headers that have bytes in its pages. */
  readonly segments: readonly number[];
  /** Whether a section of a name has bytes in its pages. */
  readonly hasSection: (name: string) => boolean;
}

/** An expression, parsed. */
export type FilterNode =
  | { readonly kind: "letter"; readonly letter: "r" | "w" | "x" | "u" }
  | { readonly kind: "owner" | "section"; readonly name: string }
  | { readonly kind: "segment"; readonly index: number }
  | { readonly kind: "not"; readonly of: FilterNode }
  | { readonly kind: "and" | "or"; readonly parts: readonly [FilterNode, FilterNode, ...FilterNode[]] };

/** What is wrong with an expression. */
export interface FilterFault {
  /** Index of the character at which it is wrong; the length of the text if something is missing at its end. */
  readonly at: number;
  /** What is wrong there, such as "a closing parenthesis is missing". */
  readonly message: string;
}

/** The deepest nesting: far more than anyone types, and no danger to the stack. */
const DEEPEST = 200;

const LETTERS = "rwxu";
const KINDS = ["owner", "section", "segment"] as const;
const EXPECTED = `expected r, w, x, u, ${KINDS.map((kind) => `${kind}:…`).join(", ")}, ! or (`;

/** Ends the parsing at its place. */
class Fault extends Error {
  constructor(readonly at: number, message: string) {
    super(message);
  }
}

/**
 * Parses an expression.
 *
 * @param text The expression. A name ends at a space, an operator or a parenthesis, unless it is in double quotes.
 * @returns What it means, or what is wrong with it.
 */
export function parseFilter(text: string): { readonly filter: FilterNode } | { readonly fault: FilterFault } {
  const parser = { text, at: 0, depth: 0 };
  try {
    const filter = parseChain(parser, "|");
    if (parser.at < text.length) throw new Fault(parser.at, unexpected(text, parser.at, "expected & or |"));
    return { filter };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { fault: { at: error.at, message: error.message } };
  }
}

interface Parser {
  readonly text: string;
  at: number;
  depth: number;
}

function skipSpaces(parser: Parser): string | undefined {
  while (/\s/.test(parser.text[parser.at] ?? "")) parser.at++;
  return parser.text[parser.at];
}

function parseChain(parser: Parser, operator: "|" | "&"): FilterNode {
  const next = (): FilterNode => operator === "|" ? parseChain(parser, "&") : parseTerm(parser);
  const parts = [next()];
  while (skipSpaces(parser) === operator) {
    parser.at++;
    if (parser.text[parser.at] === operator) parser.at++; // && and ||, from habit
    parts.push(next());
  }
  const [first, second, ...more] = parts;
  return second ? { kind: operator === "|" ? "or" : "and", parts: [first, second, ...more] } : first;
}

function parseTerm(parser: Parser): FilterNode {
  const { text } = parser;
  const char = skipSpaces(parser);
  const start = parser.at;
  if (char === undefined) throw new Fault(start, `something is missing: ${EXPECTED}`);
  if (char !== "!" && char !== "(") return parseWord(parser);
  if (++parser.depth > DEEPEST) throw new Fault(start, `more than ${DEEPEST} parentheses and ! inside one another`);
  parser.at++;
  if (char === "!") {
    const of = parseTerm(parser);
    parser.depth--;
    return { kind: "not", of };
  }
  const inner = parseChain(parser, "|");
  if (skipSpaces(parser) !== ")") {
    const isEnd = parser.at === text.length;
    throw new Fault(parser.at, isEnd ? "a closing parenthesis is missing" : unexpected(text, parser.at, "expected )"));
  }
  parser.at++;
  parser.depth--;
  return inner;
}

function parseWord(parser: Parser): FilterNode {
  const { text, at: start } = parser;
  const [word] = /^[^\s&|!()":]*/.exec(text.slice(start)) ?? [""];
  parser.at += word.length;
  if (text[parser.at] !== ":") {
    const letter = word.toLowerCase();
    if (letter.length === 1 && LETTERS.includes(letter)) return { kind: "letter", letter: letter as "r" };
    const isLetters = word.length > 1 && [...letter].every((each) => LETTERS.includes(each));
    throw new Fault(
      start,
      isLetters ? `${word} is not one letter: write ${[...letter].join("&")}` : unexpected(text, start),
    );
  }
  const kind = KINDS.find((each) => each === word);
  if (kind === undefined) throw new Fault(start, unexpected(text, start));
  parser.at++;
  const name = parseName(parser);
  if (kind !== "segment") return { kind, name };
  if (!/^\d{1,9}$/.test(name)) {
    throw new Fault(start + kind.length + 1, "a segment is given by the index of its program header");
  }
  return { kind, index: Number(name) };
}

function parseName(parser: Parser): string {
  const { text, at: start } = parser;
  if (text[start] === '"') {
    const end = text.indexOf('"', start + 1);
    if (end < 0) throw new Fault(start, "the closing quote is missing");
    parser.at = end + 1;
    return text.slice(start + 1, end);
  }
  const [name] = /^[^\s&|!()"]*/.exec(text.slice(start)) ?? [""];
  if (name === "") throw new Fault(start, "a name is missing after the colon");
  parser.at += name.length;
  return name;
}

function unexpected(text: string, at: number, expected: string = EXPECTED): string {
  const [shown] = /^([\w.$-]+|[\s\S])/u.exec(text.slice(at)) ?? [""];
  return `${shown.length > 20 ? `${shown.slice(0, 20)}…` : shown} is unexpected: ${expected}`;
}

/**
 * Whether an expression names sections, so that a map should split its runs by section.
 *
 * @param filter The expression.
 * @returns True if it does.
 */
export function namesSections(filter: FilterNode): boolean {
  switch (filter.kind) {
    case "not":
      return namesSections(filter.of);
    case "and":
    case "or":
      return filter.parts.some(namesSections);
    default:
      return filter.kind === "section";
  }
}

/**
 * Whether an expression chooses a run.
 *
 * @param filter The expression.
 * @param run The run.
 * @returns True if it does.
 */
export function passes(filter: FilterNode, run: FilteredRun): boolean {
  switch (filter.kind) {
    case "letter":
      return filter.letter === "u" ? run.user : run.permissions.includes(filter.letter.toUpperCase());
    case "owner":
      return run.owner === filter.name || (run.owners?.includes(filter.name) ?? false);
    case "section":
      return run.hasSection(filter.name);
    case "segment":
      return run.segments.includes(filter.index);
    case "not":
      return !passes(filter.of, run);
    case "and":
      return filter.parts.every((part) => passes(part, run));
    case "or":
      return filter.parts.some((part) => passes(part, run));
  }
}

/** Something that an expression names. */
export interface FilterName {
  /** What it is. */
  readonly kind: "owner" | "section" | "segment";
  /** Its name, or its index in decimal. */
  readonly name: string;
}

/**
 * Lists what an expression names.
 *
 * @param filter The expression.
 * @returns The names, in the order of the expression.
 */
export function namesIn(filter: FilterNode): readonly FilterName[] {
  switch (filter.kind) {
    case "letter":
      return [];
    case "not":
      return namesIn(filter.of);
    case "and":
    case "or":
      return filter.parts.flatMap(namesIn);
    case "segment":
      return [{ kind: "segment", name: `${filter.index}` }];
    default:
      return [{ kind: filter.kind, name: filter.name }];
  }
}
