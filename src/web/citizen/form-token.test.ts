import { describe, expect, it } from 'vitest';
import { issueToken, readToken } from './form-token.ts';

const key = Buffer.alloc(32, 1);
const shown = 1_790_000_000_000;
const token = issueToken('2026-11.1', shown, key);

describe('form token', () => {
  it('tells when its form was shown and with which notice', () => {
    expect(readToken(token, shown + 60_000, key)).toMatchObject({
      kind: 'good',
      token: { issuedAt: shown, noticeVersion: '2026-11.1' },
    });
  });

  it('is another one for every form shown', () => {
    expect(issueToken('2026-11.1', shown, key)).not.toBe(token);
  });

  it.each([
    ['sent faster than a person can', token, shown + 1_999, key, 'early'],
    ['from a clock ahead of ours', token, shown - 60_000, key, 'early'],
    ['left open for a day', token, shown + 24 * 3600_000 + 1, key, 'expired'],
    ['signed with another key', token, shown + 60_000, Buffer.alloc(32, 2), 'forged'],
    ['with another notice version', token.replace('2026-11.1', '2026-11.2'), shown + 60_000, key, 'forged'],
    ['cut short', token.slice(0, -1), shown + 60_000, key, 'forged'],
    ['empty', '', shown + 60_000, key, 'forged'],
    ['of ten thousand dots', '.'.repeat(10_000), shown + 60_000, key, 'forged'],
  ] as const)('is refused when %s', (_name, text, now, withKey, kind) => {
    expect(readToken(text, now, withKey)).toEqual({ kind });
  });
});
