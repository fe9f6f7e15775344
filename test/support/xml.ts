import { execFileSync } from "node:child_process";

/** An element of an XML document, its namespace left out. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly text: string;
  /** The text of its child `title`. */
  readonly title: string;
  /** The descendants of a name, in the order of the document. */
  all(name: string): XmlElement[];
}

interface Node {
  name: string;
  attributes: Record<string, string>;
  text: string;
  children: Node[];
}

const PARSE = `
import json, sys, xml.etree.ElementTree as tree
def node(e):
    name = lambda key: key.split("}")[-1]
    attributes = {name(key): value for key, value in e.attrib.items()}
    return dict(name=name(e.tag), attributes=attributes, text=e.text or "", children=[node(child) for child in e])
json.dump(node(tree.parse(sys.stdin).getroot()), sys.stdout)
`;

/** Parses a document, strictly: Python's parser throws on what is not well-formed. */
export function parseXml(document: string): XmlElement {
  const json = execFileSync("python3", ["-c", PARSE], {
    input: document,
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
  return element(JSON.parse(json));
}

function element({ name, attributes, text, children }: Node): XmlElement {
  const elements = children.map(element);
  const title = children.find((child) => child.name === "title")?.text ?? "";
  const all = (wanted: string): XmlElement[] =>
    elements.flatMap((child) => [...(child.name === wanted ? [child] : []), ...child.all(wanted)]);
  return { name, attributes, text, title, all };
}

/** The groups of a class. */
export const byClass = (root: XmlElement, name: string): XmlElement[] =>
  root.all("g").filter(({ attributes }) => attributes.class === name);

/** The texts in an element, in the order of the document. */
export const texts = (root: XmlElement): string[] => root.all("text").map(({ text }) => text);
