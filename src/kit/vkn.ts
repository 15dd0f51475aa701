/** Checks the check digit of a Turkish tax number (ten ASCII digits, no separators). */
export function validVkn(text: string): boolean {
  if (!/^\d{10}$/.test(text)) return false;
  const digits = [...text].map(Number);
  let sum = 0;
  for (const [index, digit] of digits.slice(0, 9).entries()) {
    const shifted = (digit + 9 - index) % 10;
    if (shifted !== 0) sum += (shifted * 2 ** (9 - index)) % 9 || 9;
  }
  return digits[9] === (10 - (sum % 10)) % 10;
}
