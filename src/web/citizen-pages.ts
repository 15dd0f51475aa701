import fastifyFormbody from '@fastify/formbody';
import fastifyMultipart from '@fastify/multipart';
import { codeOf, errorTable, type MessageReceipt, promiseClock } from '@kapi/contract';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Actor, Entrance, Records } from '../intake/gateway.ts';
import { answerPage } from './citizen/answer-page.ts';
import { type Assets, loadAssets } from './citizen/assets.ts';
import { accessibilityPage, errorPage, noticePage, toErrorStatus } from './citizen/document-pages.ts';
import { type CitizenLimits, formPage } from './citizen/form-page.ts';
import { earliestMs, issueToken, readToken } from './citizen/form-token.ts';
import { emptyValues, type FormValues } from './citizen/form-values.ts';
import type { Html } from './citizen/html.ts';
import type { PrivacyNotice } from './citizen/notice.ts';
import type { Frame, Institution } from './citizen/page.ts';
import { readFields, readForm } from './citizen/read-form.ts';
import { fieldOf, type Problem, problemsIn, toSubmission } from './citizen/submission.ts';
import { type Language, languageOf, languages, pathOf } from './citizen/texts.ts';
import {
  readNumber,
  readPin,
  type TrackingForm,
  trackingFormPage,
  trackingPage,
} from './citizen/tracking-page.ts';

export { type PrivacyNotice, readNotice } from './citizen/notice.ts';
export type { CitizenLimits, Institution };

/** The part of the gateway these pages use. */
export interface CitizenGateway {
  readonly entrance: Pick<Entrance, 'receive' | 'upload'>;
  readonly records: Pick<Records, 'track' | 'trackByToken'>;
}

export interface CitizenPagesOptions {
  readonly gateway: CitizenGateway;
  readonly institution: Institution;
  readonly notice: PrivacyNotice;
  readonly limits: CitizenLimits;
  /** Address citizens know the pages by, for the tracking link they keep. */
  readonly publicUrl: string;
  /** Signs form tokens. The same in every process and after every restart, 32 bytes. */
  readonly tokenKey: Uint8Array;
  /** Account the form's messages belong to. */
  readonly account: string;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

function send(reply: FastifyReply, status: number, document: Html): FastifyReply {
  return reply
    .code(status)
    .headers({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy': contentSecurityPolicy,
      'referrer-policy': 'no-referrer',
      'permissions-policy': 'geolocation=(self), camera=(), microphone=()',
      'x-content-type-options': 'nosniff',
      'x-robots-tag': 'noarchive',
    })
    .send(document.toString());
}

/** True where a person's browser asks, so that the house's not-found answer may be a page. */
export const wantsPage = (request: FastifyRequest): boolean =>
  (request.method === 'GET' || request.method === 'HEAD') &&
  (request.headers.accept ?? '').includes('text/html');

/**
 * Answers any request with the error page of its status, in the language of its address. For the pages'
 * own errors, and for the server's not-found handler when `wantsPage`.
 */
export function citizenErrors(
  institution: Institution,
): (error: unknown, request: FastifyRequest, reply: FastifyReply) => FastifyReply {
  return errorsOn({ institution, assets: loadAssets() });
}

const statusCarrier = z.object({ statusCode: z.int().min(400).max(599) });
const retryCarrier = z.object({ retryAfterMs: z.number().positive() });

function errorsOn(base: { institution: Institution; assets: Assets }) {
  return (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const code = codeOf(error);
    const carried = statusCarrier.safeParse(error);
    const status =
      code !== undefined ? errorTable[code].status : carried.success ? carried.data.statusCode : 500;
    const shown = toErrorStatus(status);
    if (shown === 500) request.log.error({ err: error }, 'citizen page failed');
    const retry = retryCarrier.safeParse(error);
    if (retry.success) reply.header('retry-after', Math.ceil(retry.data.retryAfterMs / 1000));
    else if (shown === 503) reply.header('retry-after', 60);
    return send(reply, shown, errorPage({ ...base, language: languageOf(request.url) }, shown));
  };
}

/**
 * The pages citizens see, in Turkish at the root and in English under `/en`: form, answer, tracking, KVKK
 * notice, accessibility. No cookies, no inline code, no script needed. Mount at `/`, under the server's
 * per-address rate limit.
 */
export function citizenPages(options: CitizenPagesOptions): FastifyPluginAsync {
  const { gateway, institution, notice, limits, publicUrl, tokenKey, now } = options;
  const assets = loadAssets();
  const actor: Actor = { name: 'form', scopes: new Set(['intake']), account: options.account };

  /** A form filled before may be sent at once. */
  const issue = (filledBefore: boolean): string =>
    issueToken(notice.version, filledBefore ? now() - earliestMs : now(), tokenKey);

  /** Judges, stores and answers one submitted form. */
  async function receive(frame: Frame, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const judge = (values: FormValues) => readToken(values.token, now(), tokenKey);
    const form = await readForm(request, limits, {
      admit: (values) => values.website.trim() === '' && judge(values).kind === 'good',
      put: (file) => gateway.entrance.upload(file, actor),
    });
    const { values } = form;
    const verdict = judge(values);
    const problems: Problem[] = [
      ...problemsIn(values, form.files, limits.maxTextCharacters),
      ...form.problems,
    ];
    if (verdict.kind !== 'good') problems.push({ kind: `token_${verdict.kind}` });
    if (verdict.kind === 'good' && problems.length === 0) {
      const submission = toSubmission(values, {
        language: frame.language,
        noticeVersion: verdict.token.noticeVersion,
        province: institution.province,
        uploads: form.uploads.map((upload) => upload.id),
      });
      try {
        const receipt = await gateway.entrance.receive(submission, `form-${verdict.token.id}`, actor);
        return send(reply, 200, answerPage(frame, receipt, values, dueOf(receipt), publicUrl));
      } catch (thrown) {
        problems.push(...toProblems(thrown));
      }
    }
    // A token that can still become good is kept: the next try is then the same application.
    const kept = verdict.kind === 'good' || verdict.kind === 'early';
    const spent = problems.some((problem) => problem.kind === 'changed_after_sent');
    const unavailable = problems.some((problem) => problem.kind === 'unavailable');
    if (unavailable) reply.header('retry-after', 120);
    const state = {
      token: kept && !spent ? values.token : issue(true),
      values,
      problems,
      filesLost: form.files > 0,
    };
    const shownVersion = verdict.kind === 'good' && !spent ? verdict.token.noticeVersion : notice.version;
    return send(reply, unavailable ? 503 : 422, formPage(frame, state, limits, shownVersion));
  }

  const dueOf = (receipt: MessageReceipt): string | undefined =>
    receipt.promiseDueAt ?? (receipt.duplicate ? undefined : promiseClock(now()).dueAt);

  async function track(frame: Frame, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const fields = new Map(readFields(request.body));
    const typed = (fields.get('number') ?? '').slice(0, 60);
    const number = readNumber(typed, institution.prefix);
    const pin = readPin(fields.get('pin') ?? '');
    const again = (status: number, state: Omit<TrackingForm, 'number'>) =>
      send(reply, status, trackingFormPage(frame, { number: typed, ...state }));
    if (number === undefined || pin === undefined) {
      return again(422, { badNumber: number === undefined, badPin: pin === undefined });
    }
    try {
      return send(reply, 200, trackingPage(frame, await gateway.records.track(number, pin)));
    } catch (thrown) {
      const code = codeOf(thrown);
      if (code === 'locked') {
        reply.header('retry-after', 3600);
        return again(423, { failure: 'locked' });
      }
      if (code === 'not_found') return again(422, { failure: 'wrong' });
      throw thrown;
    }
  }

  return async (app) => {
    if (!app.hasContentTypeParser('application/x-www-form-urlencoded')) await app.register(fastifyFormbody);
    if (!app.hasContentTypeParser('multipart/form-data')) await app.register(fastifyMultipart);
    for (const other of ['application/json', 'text/plain']) {
      if (app.hasContentTypeParser(other)) app.removeContentTypeParser(other);
    }
    app.setErrorHandler(errorsOn({ institution, assets }));

    for (const asset of Object.values(assets)) {
      app.get(asset.url, (_request, reply) =>
        reply
          .headers({
            'content-type': asset.mediaType,
            'cache-control': 'public, max-age=31536000, immutable',
            'x-content-type-options': 'nosniff',
          })
          .send(asset.content),
      );
    }

    const mount = (language: Language): void => {
      const frame: Frame = { language, institution, assets };
      const at = (path: string): string => pathOf(language, path);
      // Text only: files of a multipart form are streamed and have limits of their own.
      const bodyLimit = 256 * 1024;

      app.get(at('/'), (_request, reply) => {
        const state = { token: issue(false), values: emptyValues, problems: [], filesLost: false };
        return send(reply, 200, formPage(frame, state, limits, notice.version));
      });
      app.post(at('/'), { bodyLimit }, (request, reply) => receive(frame, request, reply));
      app.get<{ Querystring: { no?: unknown } }>(at('/takip'), (request, reply) => {
        const asked = request.query.no;
        const number = typeof asked === 'string' ? asked.slice(0, 60) : '';
        return send(reply, 200, trackingFormPage(frame, { number }));
      });
      app.post(at('/takip'), { bodyLimit: 4096 }, (request, reply) => track(frame, request, reply));
      app.get<{ Params: { token: string } }>(at('/takip/:token'), async (request, reply) => {
        const { token } = request.params;
        const tracking = await gateway.records.trackByToken(token);
        return send(reply, 200, trackingPage(frame, tracking, `/takip/${encodeURIComponent(token)}`));
      });
      app.get(at('/kvkk'), (_request, reply) => send(reply, 200, noticePage(frame, notice)));
      app.get(at('/erisilebilirlik'), (_request, reply) => send(reply, 200, accessibilityPage(frame)));
    };
    for (const language of languages) mount(language);
    // As people type it.
    app.get('/en/', (_request, reply) => reply.redirect('/en', 308));
  };
}

/** What the gateway refused, as problems of the form. @throws what the citizen cannot mend */
function toProblems(thrown: unknown): Problem[] {
  const code = codeOf(thrown);
  if (code === 'idempotency_conflict') return [{ kind: 'changed_after_sent' }];
  if (code === 'unknown_upload') return [{ kind: 'refused' }];
  if (code === 'invalid_request') {
    const named = z.object({ errors: z.array(z.object({ pointer: z.string() })) }).safeParse(thrown);
    const problems = (named.success ? named.data.errors : []).map(({ pointer }): Problem => {
      const field = fieldOf(pointer);
      return field === undefined ? { kind: 'refused' } : { kind: 'refused', field };
    });
    return problems.length > 0 ? problems : [{ kind: 'refused' }];
  }
  if (code !== undefined && code !== 'internal' && errorTable[code].kind === 'transient') {
    return [{ kind: 'unavailable' }];
  }
  throw thrown;
}
