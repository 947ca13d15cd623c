/** Reads XML as strictly as the specification, as far as documents of kload need it: elements, attributes and text. */

/** An element. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly (XmlElement | string)[];
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
const NAME = "[A-Za-z_][\\w.:-]*";
const TAG = new RegExp(`^<(${NAME})((?:\\s+${NAME}="[^"<]*")*)\\s*(/?)>`);
const ATTRIBUTE = new RegExp(`\\s+(${NAME})="([^"<]*)"`, "g");

/** What a document cannot have (XML 1.0, production 2): most controls, and halves of characters. */
// deno-lint-ignore no-control-regex
const ODD = /[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|\p{Cs}/u;

/** Parses a document, and throws where it is not well-formed. */
export function parseXml(document: string): XmlElement {
  const odd = document.search(ODD);
  if (odd >= 0) throw new Error(`a character that XML does not have, at ${odd}`);
  const declaration = /^<\?xml version="1\.0" encoding="UTF-8"\?>\s*/.exec(document)?.[0] ?? "";
  const { element, rest } = parseElement(document.slice(declaration.length));
  if (rest.trim() !== "") throw new Error(`after the root: ${rest.slice(0, 40)}`);
  return element;
}

function parseElement(text: string): { readonly element: XmlElement; readonly rest: string } {
  const [whole, name, all, closed] = TAG.exec(text) ?? [];
  if (whole === undefined) throw new Error(`no element: ${text.slice(0, 60)}`);
  const attributes = new Map<string, string>();
  for (const [, key, value] of all.matchAll(ATTRIBUTE)) {
    if (attributes.has(key)) throw new Error(`${key} is there twice`);
    attributes.set(key, plainText(value));
  }
  let rest = text.slice(whole.length);
  const children: (XmlElement | string)[] = [];
  while (closed === "") {
    const at = rest.indexOf("<");
    if (at < 0) throw new Error(`<${name}> is not closed`);
    if (at > 0) children.push(plainText(rest.slice(0, at)));
    rest = rest.slice(at);
    if (rest.startsWith("</")) {
      const end = `</${name}>`;
      if (!rest.startsWith(end)) throw new Error(`${rest.slice(0, 20)} closes <${name}>`);
      rest = rest.slice(end.length);
      break;
    }
    const child = parseElement(rest);
    children.push(child.element);
    rest = child.rest;
  }
  return { element: { name, attributes, children }, rest };
}

function plainText(text: string): string {
  if (/&(?!(amp|lt|gt|quot|apos);)|>/.test(text)) throw new Error(`not escaped: ${text.slice(0, 60)}`);
  return text.replaceAll(/&(\w+);/g, (_, entity: string) => ENTITIES[entity]);
}

/** All elements of a name, in the order of the document. */
export function elementsOf(element: XmlElement, name: string): readonly XmlElement[] {
  const inside = element.children.flatMap((child) => typeof child === "string" ? [] : elementsOf(child, name));
  return element.name === name ? [element, ...inside] : inside;
}

/** The text of an element, without that of titles in it. */
export function textOf({ children }: XmlElement): string {
  return children.map((child) => {
    return typeof child === "string" ? child : child.name === "title" ? "" : textOf(child);
  }).join("");
}
