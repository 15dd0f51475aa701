import { isDeepStrictEqual } from 'node:util';
import type { PushRequest, Verdict } from '@kapi/contract';
import type { Check, Report } from './check.ts';
import { describeThrown } from './check.ts';
import { bytesOf, parseConfig, rowTime, type Subject, signed, toEnvelope, unsigned } from './subject.ts';

const now = Date.parse(rowTime);
const maxFlips = 256;

interface Variant {
  readonly name: string;
  readonly request: PushRequest;
  readonly config: unknown;
}

/** Requests that look like the genuine one and are not. */
function forgeries(subject: Subject, genuine: PushRequest): readonly Variant[] {
  const { push, adapter, config } = subject;
  if (!push) return [];
  const { rows } = push;
  const withHeader = (name: string, value: PushRequest['headers'][string]): PushRequest => ({
    ...genuine,
    headers: { ...genuine.headers, [name]: value },
  });
  const bare = unsigned(
    rows,
    toEnvelope(adapter, String(genuine.headers['content-type'] ?? ''), genuine.body),
  );
  const variants: Variant[] = [
    { name: 'nothing proves it', request: bare, config },
    { name: 'another secret', request: genuine, config: parseConfig(adapter, rows.otherConfig) },
  ];
  const proof = rows.proofHeader === null ? undefined : genuine.headers[rows.proofHeader];
  if (rows.proofHeader !== null && typeof proof === 'string') {
    const swapped = proof.replace(/[a-z]/gi, (letter) =>
      letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
    );
    variants.push(
      { name: 'the proof is missing', request: withHeader(rows.proofHeader, undefined), config },
      { name: 'the proof is empty', request: withHeader(rows.proofHeader, ''), config },
      { name: 'the proof is doubled', request: withHeader(rows.proofHeader, [proof, proof]), config },
      { name: 'the proof is in the wrong case', request: withHeader(rows.proofHeader, swapped), config },
      { name: 'the proof has a trailing space', request: withHeader(rows.proofHeader, `${proof} `), config },
      { name: 'the proof is cut', request: withHeader(rows.proofHeader, proof.slice(0, -1)), config },
      {
        name: 'the proof is of other letters',
        request: withHeader(rows.proofHeader, 'ş'.repeat(proof.length)),
        config,
      },
    );
  }
  if (adapter.capabilities.origin === 'signature') {
    const longer = new Uint8Array([...genuine.body, 0x78]);
    variants.push({ name: 'one byte was added', request: { ...genuine, body: longer }, config });
  }
  if (rows.coversUrl) {
    const mark = genuine.target.includes('?') ? '&' : '?';
    const publicUrl = `${genuine.publicUrl}${mark}x=1`;
    const query = new URL(publicUrl).searchParams;
    variants.push({
      name: 'the URL was changed',
      request: { ...genuine, target: `${genuine.target}${mark}x=1`, publicUrl, query },
      config,
    });
  }
  return variants;
}

/** Requests with one bit of the body flipped, and how many of them the signature could not tell apart. */
function* flips(genuine: PushRequest): Generator<PushRequest> {
  const { body } = genuine;
  const step = Math.max(1, Math.floor(body.length / maxFlips));
  for (let at = 0; at < body.length; at += step) {
    const flipped = Uint8Array.from(body);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
    yield { ...genuine, body: flipped };
  }
}

function eachGenuine(subject: Subject, visit: (at: string, genuine: PushRequest) => void): void {
  if (!subject.push) return;
  for (const { row, envelope } of subject.envelopes) {
    if (row.source !== 'pull') visit(row.name, signed(subject.push.rows, envelope, now));
  }
}

function verdict(subject: Subject, request: PushRequest, config: unknown, at: number): Verdict | undefined {
  try {
    return subject.push?.source.verify(request, { config, now: at });
  } catch {
    return undefined;
  }
}

/** What the door lets in. */
export const pushChecks: readonly Check[] = [
  {
    id: 'genuine-refused',
    owes: 'lets genuine requests in',
    find(subject, report) {
      eachGenuine(subject, (at, genuine) => {
        const found = verdict(subject, genuine, subject.config, now);
        if (found !== 'genuine') report(at, `was judged ${found ?? 'by an exception'}`);
        const limit = subject.push?.source.maxBytes ?? 0;
        if (genuine.body.byteLength > limit)
          report(at, `has ${genuine.body.byteLength} bytes, maxBytes is ${limit}`);
      });
    },
  },
  {
    id: 'forged-accepted',
    owes: 'refuses forged requests, and those with one bit flipped',
    find(subject, report) {
      eachGenuine(subject, (at, genuine) => {
        for (const { name, request, config } of forgeries(subject, genuine)) {
          if (verdict(subject, request, config, now) === 'genuine')
            report(`${at}: ${name}`, 'was judged genuine');
        }
        if (subject.adapter.capabilities.origin === 'signature') findFlips(subject, at, genuine, report);
      });
    },
  },
  {
    id: 'stale-accepted',
    owes: 'refuses requests whose signed time is too old or ahead',
    find(subject, report) {
      const seconds = subject.push?.rows.staleAfterSeconds ?? null;
      if (seconds === null) return;
      eachGenuine(subject, (at, genuine) => {
        for (const shift of [seconds + 1, -(seconds + 1)]) {
          const found = verdict(subject, genuine, subject.config, now + shift * 1000);
          if (found !== 'stale') report(at, `${shift} s later it was judged ${found ?? 'by an exception'}`);
        }
      });
    },
  },
  {
    id: 'verify-throws',
    owes: 'judges any request without throwing',
    find(subject, report) {
      const { push } = subject;
      if (!push) return;
      const judge = (at: string, request: PushRequest): void => {
        for (const [name, work] of [
          ['verify', () => push.source.verify(request, { config: subject.config, now })],
          ['envelopeKey', () => push.source.envelopeKey(request, subject.config)],
          ['handshake', () => push.source.handshake?.(request, subject.config)],
          ['answer', () => push.source.answer?.(request, subject.config)],
        ] as const) {
          try {
            work();
          } catch (thrown) {
            report(at, `${name} threw ${describeThrown(thrown)}`);
          }
        }
      };
      eachGenuine(subject, (at, genuine) => {
        judge(at, genuine);
        for (const { name, request } of forgeries(subject, genuine)) judge(`${at}: ${name}`, request);
        for (const request of flips(genuine)) judge(`${at}: flipped`, request);
      });
      for (const { name, envelope } of subject.malformed) judge(name, signed(push.rows, envelope, now));
    },
  },
  {
    id: 'wrong-handshake',
    owes: 'answers set-up calls as the rows say',
    async find({ push, adapter, config }, report) {
      if (!push) return;
      for (const row of push.rows.handshakes ?? []) {
        const body = await bytesOf(row.request.body ?? '');
        const request = {
          ...unsigned(push.rows, toEnvelope(adapter, '', body), row.request.target),
          method: row.request.method,
        };
        const found = push.source.handshake?.(request, config);
        if (!isDeepStrictEqual(found, row.expected))
          report(row.name, `answered ${JSON.stringify(found)}, the row says ${JSON.stringify(row.expected)}`);
      }
    },
  },
];

function findFlips(subject: Subject, at: string, genuine: PushRequest, report: Report): void {
  const covers = subject.push?.rows.covers;
  const original = covers?.(genuine.body);
  let tried = 0;
  let alike = 0;
  let accepted = 0;
  for (const request of flips(genuine)) {
    tried++;
    if (covers && covers(request.body) === original) alike++;
    else if (verdict(subject, request, subject.config, now) === 'genuine') accepted++;
  }
  if (accepted > 0)
    report(`${at}: one bit flipped`, `${accepted} of ${tried} changed bodies were judged genuine`);
  if (alike * 10 > tried)
    report(`${at}: covers`, `calls ${alike} of ${tried} changed bodies alike; at most a tenth may be`);
}
