import { MailParser } from 'mailparser';
import { parserOptions } from '../../adapters/email-imap/parse.ts';
import { mailOf } from './mails.ts';

/** Parses the first `count` mails with mailparser and its options in the adapter, nothing else; prints the times. */
const count = Number(process.argv[2]);

async function parse(raw: Buffer): Promise<void> {
  const parser = new MailParser(parserOptions);
  const ended = Promise.withResolvers<void>();
  parser.on('error', ended.reject);
  parser.on('end', () => ended.resolve());
  parser.on('data', (data) => {
    if (data.type !== 'attachment') return;
    data.content.on('data', () => undefined);
    data.content.on('end', () => data.release());
  });
  parser.end(raw);
  return ended.promise;
}

const mails: Buffer[] = [];
for (let n = 0; n < count; n += 1) mails.push(await mailOf(n));
for (const raw of mails.slice(0, 300)) await parse(raw);
const from = performance.now();
const cpu = process.cpuUsage();
for (const raw of mails) await parse(raw);
const { user, system } = process.cpuUsage(cpu);
console.log(
  JSON.stringify({
    seconds: (performance.now() - from) / 1000,
    cpuSeconds: (user + system) / 1e6,
    bytes: mails.reduce((sum, raw) => sum + raw.length, 0),
  }),
);
