const local = /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;
const domain = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/;

/**
 * A mail address as a person types it, in lower case, or undefined for what no mail could be sent to: blanks
 * and line breaks in it, no domain, two addresses, letters that a mail address in Türkiye does not have.
 */
export function toEmail(text: string): string | undefined {
  const address = text.trim().toLowerCase();
  const at = address.lastIndexOf('@');
  if (at < 1 || at > 64 || address.length > 254) return undefined;
  return local.test(address.slice(0, at)) && domain.test(address.slice(at + 1)) ? address : undefined;
}
