import { stripVTControlCharacters, styleText } from "node:util";

/** The layout of text: so many columns, with colours or without. */
export interface TextStyle {
  width: number;
  color: boolean;
}

/** The terminal's own: colours where somebody reads it there, unless NO_COLOR or FORCE_COLOR says otherwise. */
export function terminal(): TextStyle {
  const { NO_COLOR, FORCE_COLOR } = process.env;
  const isForced = FORCE_COLOR !== undefined && FORCE_COLOR !== "0";
  const color = !NO_COLOR && (isForced || (process.stdout.isTTY === true && FORCE_COLOR === undefined));
  // Some terminals say that they have 0 columns.
  return { color, width: Math.min(process.stdout.columns || 100, 120) };
}

/** Writes a text in a colour or in bold. */
export type Paint = (style: "bold" | "dim" | "green" | "red" | "yellow", text: string) => string;

/** A `Paint` that leaves texts as they are where there are to be no colours. */
export function painter(color: boolean): Paint {
  return (style, text) => (color ? styleText(style, text, { validateStream: false }) : text);
}

/** A row of a section: a name, its text, and paragraphs that belong under the text. */
export interface Row {
  name: string;
  text: string;
  below?: string[];
}

/** Lays rows out in two columns, the second wrapped. */
export function columns(rows: readonly Row[], width: number): string[] {
  const column = Math.max(...rows.map(({ name }) => visible(name))) + 4;
  return rows.flatMap(({ name, text, below = [] }) =>
    [text, ...below]
      .flatMap((part) => wrap(part, Math.max(width - column, 24)))
      .map((line, index) => {
        const label = index === 0 ? `  ${name}` : "";
        return label + " ".repeat(column - visible(label)) + line;
      }),
  );
}

/** Breaks a text at spaces into lines of at most `width` columns; a longer word stands alone. Colours take no room. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && visible(line) + 1 + visible(word) > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

function visible(text: string): number {
  return stripVTControlCharacters(text).length;
}

/** Lays cells out in columns under the first row's names: texts, whose names are given, to the left, numbers to the right. */
export function table(rows: readonly (readonly string[])[], texts: readonly string[]): string[] {
  const [names = []] = rows;
  const widths = names.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const cell = (text: string, column: number) =>
    texts.includes(names[column]!) ? text.padEnd(widths[column]!) : text.padStart(widths[column]!);
  return rows.map((row) => row.map(cell).join("  ").trimEnd());
}
