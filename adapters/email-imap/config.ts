import { z } from 'zod';

const loopbackHosts = new Set(['127.0.0.1', '::1', 'localhost']);
const host = z.string().trim().min(1).max(253);
const port = z.int().min(1).max(65535);

/** A token endpoint hears secrets: https, but for a counterpart on this machine. */
const tokenUrl = z.url({ protocol: /^https?$/ }).refine(
  (text) => {
    const { protocol, hostname } = new URL(text);
    return protocol === 'https:' || loopbackHosts.has(hostname.replace(/^\[|\]$/g, ''));
  },
  { error: 'must be https' },
);

const oauth2 = z
  .strictObject({
    tokenUrl: tokenUrl.describe('Token endpoint of the identity provider'),
    clientId: z.string().min(1).max(500).describe('Id of the application there'),
    clientSecret: z
      .string()
      .min(1)
      .meta({ secret: true })
      .optional()
      .describe('Secret of the application; may be absent for a public one with a refresh token'),
    refreshToken: z
      .string()
      .min(1)
      .meta({ secret: true })
      .optional()
      .describe('Refresh token of the mailbox; absent: the application asks for itself (client credentials)'),
    scope: z.string().min(1).max(1000).optional().describe('What the token is for, as the provider names it'),
  })
  .refine((value) => value.clientSecret !== undefined || value.refreshToken !== undefined, {
    error: 'needed without a refreshToken',
    path: ['clientSecret'],
  });

const security = z.enum(['tls', 'starttls', 'none-on-loopback']);

/** One mailbox account and the way its replies leave. Certificates are always verified. */
export const config = z
  .strictObject({
    address: z
      .email()
      .transform((address) => address.toLowerCase())
      .describe('Address citizens write to, and the sender of replies; its domain is in our Message-IDs'),
    displayName: z
      .string()
      .max(200)
      .regex(/^[^\r\n]*$/, 'must be one line')
      .default('')
      .describe('Name beside the address in replies'),
    imapHost: host.describe('IMAP server'),
    imapPort: port.default(993).describe('Port of the IMAP server'),
    imapSecurity: security
      .default('tls')
      .describe(
        '`tls` from the first byte, `starttls` before login, `none-on-loopback` on this machine only',
      ),
    caFile: z
      .string()
      .min(1)
      .max(4096)
      .optional()
      .describe('PEM file of an authority of your own, trusted beside the public ones; absolute path'),
    imapUser: z.string().min(1).max(255).describe('Login name of the mailbox'),
    imapPassword: z
      .string()
      .min(1)
      .meta({ secret: true })
      .optional()
      .describe('Password of the mailbox; or oauth2'),
    oauth2: oauth2
      .optional()
      .describe('Login by access token (XOAUTH2) in place of imapPassword and smtpPassword'),
    folders: z
      .array(z.string().min(1).max(255))
      .min(1)
      .max(20)
      .default(['INBOX'])
      .describe('Folders to read; the first one is watched by IDLE, all are polled'),
    backlog: z
      .enum(['unseen', 'all', 'none'])
      .default('unseen')
      .describe('What of the mail that is there at the first connection is taken in'),
    moveTo: z
      .string()
      .min(1)
      .max(255)
      .optional()
      .describe('Folder that stored mails are moved to; absent: they stay and are marked \\Seen'),
    pollSeconds: z
      .int()
      .min(1)
      .max(60)
      .default(60)
      .describe('IDLE is only a hint: every folder is looked at this often'),
    maxBytes: z
      .int()
      .min(64 * 1024)
      .max(100 * 1024 * 1024)
      .default(25 * 1024 * 1024)
      .describe('A larger mail is stored as its first 256 KiB, left in place and flagged for a person'),
    trustedAuthservIds: z
      .array(z.string().min(1).max(253))
      .default([])
      .describe(
        'Names our own mail server signs Authentication-Results with; it must strip foreign ones (RFC 8601 §5). Empty: no sender counts as proved by DMARC',
      ),
    replySecret: z
      .string()
      .min(16)
      .meta({ secret: true })
      .optional()
      .describe(
        'Signs reply addresses and bounce addresses (`local+…@domain`); needs plus addressing at the mail server',
      ),
    smtpHost: host.optional().describe('Mail submission server; absent: this account cannot send'),
    smtpPort: port.default(465).describe('Port of the submission server'),
    smtpSecurity: security.default('tls').describe('As `imapSecurity`'),
    smtpUser: z.string().min(1).max(255).optional().describe('Login name for sending; absent: no login'),
    smtpPassword: z
      .string()
      .min(1)
      .meta({ secret: true })
      .optional()
      .describe('Password for sending; or oauth2'),
    smtpTimeoutSeconds: z
      .int()
      .min(1)
      .max(600)
      .default(60)
      .describe('Silence of the submission server that ends a sending'),
  })
  .superRefine((value, context) => {
    const sides = [
      ['imapSecurity', value.imapSecurity, value.imapHost],
      ['smtpSecurity', value.smtpSecurity, value.smtpHost ?? 'localhost'],
    ] as const;
    for (const [key, chosen, at] of sides) {
      if (chosen === 'none-on-loopback' && !loopbackHosts.has(at)) {
        context.addIssue({
          code: 'custom',
          path: [key],
          message: 'plain connections are for this machine only',
        });
      }
    }
    if ((value.imapPassword === undefined) === (value.oauth2 === undefined)) {
      context.addIssue({
        code: 'custom',
        path: ['imapPassword'],
        message: 'exactly one of imapPassword and oauth2',
      });
    }
    if (value.smtpUser !== undefined && value.smtpPassword === undefined && value.oauth2 === undefined) {
      context.addIssue({ code: 'custom', path: ['smtpPassword'], message: 'needed where smtpUser is set' });
    }
  });

export type Config = z.output<typeof config>;
