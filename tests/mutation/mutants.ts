/** Mutants of a source file: small faults that some test should notice. */

import ts from "typescript";

/** A change of one place in a file. */
export interface Mutant {
  /** Path of the file, from the root of the project. */
  readonly file: string;
  /** Line of the place, from 1. */
  readonly line: number;
  /** Offset of the place in the file. */
  readonly start: number;
  /** The text there. */
  readonly before: string;
  /** The text to put there. */
  readonly after: string;
}

/** What an operator may be mistaken for. */
const OPERATORS: ReadonlyMap<ts.SyntaxKind, readonly string[]> = new Map([
  [ts.SyntaxKind.LessThanToken, ["<=", ">"]],
  [ts.SyntaxKind.LessThanEqualsToken, ["<", ">"]],
  [ts.SyntaxKind.GreaterThanToken, [">=", "<"]],
  [ts.SyntaxKind.GreaterThanEqualsToken, [">", "<"]],
  [ts.SyntaxKind.EqualsEqualsEqualsToken, ["!=="]],
  [ts.SyntaxKind.ExclamationEqualsEqualsToken, ["==="]],
  [ts.SyntaxKind.AmpersandAmpersandToken, ["||"]],
  [ts.SyntaxKind.BarBarToken, ["&&"]],
  [ts.SyntaxKind.PlusToken, ["-"]],
  [ts.SyntaxKind.MinusToken, ["+"]],
]);

/** Finds every mutant of a file. */
export function mutantsOf(file: string, text: string): readonly Mutant[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const mutants: Mutant[] = [];
  const add = (node: ts.Node, ...replacements: readonly string[]): void => {
    const start = node.getStart(source);
    const line = source.getLineAndCharacterOfPosition(start).line + 1;
    for (const after of replacements) mutants.push({ file, line, start, before: node.getText(source), after });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isImportDeclaration(node)) return;
    if (ts.isBinaryExpression(node) && !isText(node)) {
      add(node.operatorToken, ...OPERATORS.get(node.operatorToken.kind) ?? []);
    } else if (ts.isNumericLiteral(node) && !isName(node)) {
      add(node, `(${node.getText(source)} + 1)`, `(${node.getText(source)} - 1)`);
    } else if (ts.isBigIntLiteral(node)) add(node, `(${node.getText(source)} + 1n)`, `(${node.getText(source)} - 1n)`);
    else if (ts.isThrowStatement(node) || (ts.isExpressionStatement(node) && !isSuper(node))) add(node, ";");
    else if (ts.isIfStatement(node) && leaves(node)) add(node, ";");
    else if (node.kind === ts.SyntaxKind.TrueKeyword) add(node, "false");
    else if (node.kind === ts.SyntaxKind.FalseKeyword) add(node, "true");
    if (ts.isThrowStatement(node) || isMessage(node)) return;
    ts.forEachChild(node, visit);
  };
  visit(source);
  return mutants;
}

/** Whether all that a condition does is to leave early; what throws is dropped inside it. */
function leaves({ thenStatement, elseStatement }: ts.IfStatement): boolean {
  return !elseStatement &&
    (ts.isReturnStatement(thenStatement) || ts.isContinueStatement(thenStatement) ||
      ts.isBreakStatement(thenStatement));
}

/** The words of a message are not looked at, nor the choice between some. */
function isMessage(node: ts.Node): boolean {
  if (!ts.isConditionalExpression(node)) return ts.isTemplateExpression(node);
  const choices = [node.whenTrue, node.whenFalse];
  return choices.every((choice) => ts.isTemplateExpression(choice) || ts.isStringLiteralLike(choice)) &&
    choices.some((choice) => choice.getText().includes(" "));
}

/** A sum with a text in it makes a message. */
function isText({ left, right, operatorToken }: ts.BinaryExpression): boolean {
  if (operatorToken.kind !== ts.SyntaxKind.PlusToken) return false;
  return [left, right].some((side) => ts.isStringLiteralLike(side) || ts.isTemplateExpression(side));
}

function isName({ parent }: ts.Node): boolean {
  return ts.isPropertyAssignment(parent) && ts.isNumericLiteral(parent.name);
}

function isSuper({ expression }: ts.ExpressionStatement): boolean {
  return ts.isCallExpression(expression) && expression.expression.kind === ts.SyntaxKind.SuperKeyword;
}

/** The text of a file with a mutant in it. */
export function mutated(text: string, { start, before, after }: Mutant): string {
  return text.slice(0, start) + after + text.slice(start + before.length);
}
