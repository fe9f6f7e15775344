/** What decimal digits say: null for anything else, such as "1e3", "0x10", "-1" or "", and beyond 2^53. */
export function wholeNumber(text: string): number | null {
  const value = Number(text);
  return /^\d+$/.test(text.trim()) && Number.isSafeInteger(value) ? value : null;
}
