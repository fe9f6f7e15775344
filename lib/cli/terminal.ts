/** How text for the terminal is to look: colours only where somebody reads it there and has not refused them. */
export function terminal(): { color: boolean; width: number } {
  const color = process.stdout.isTTY === true && !process.env.NO_COLOR;
  // Some terminals say that they have 0 columns.
  return { color, width: Math.min(process.stdout.columns || 100, 120) };
}
