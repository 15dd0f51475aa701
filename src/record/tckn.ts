/**
 * Checks the two check digits of a Turkish identity number (eleven ASCII digits, no separators).
 * One in a hundred random numbers passes: a pass is never an identification.
 */
export function validTckn(text: string): boolean {
  if (!/^[1-9]\d{10}$/.test(text)) return false;
  const digits = [...text].map(Number);
  const sumAt = (from: number, step: number, until: number): number => {
    let sum = 0;
    for (let index = from; index < until; index += step) sum += digits[index] ?? 0;
    return sum;
  };
  const tenth = (((sumAt(0, 2, 9) * 7 - sumAt(1, 2, 8)) % 10) + 10) % 10;
  return digits[9] === tenth && digits[10] === sumAt(0, 1, 10) % 10;
}
