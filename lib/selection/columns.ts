import { stripVTControlCharacters } from "node:util";

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
