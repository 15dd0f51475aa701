import { readFileSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { messageSubmission, type PreviewRequest, RefusedRequest } from '@kapi/contract';
import { type Context, withControls } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';

const contentTypes: Readonly<Record<string, string>> = {
  '.json': 'application/json',
  '.form': 'application/x-www-form-urlencoded',
  '.eml': 'message/rfc822',
  '.xml': 'application/xml',
  '.csv': 'text/csv',
  '.txt': 'text/plain; charset=utf-8',
};

/**
 * Dry run. With an adapter (or the entrance `api`): what its account would make of the file. With a
 * destination: the events of the record as they leave, or left. Nothing is stored or sent.
 */
export async function tryOut(
  context: Context,
  name: string,
  subject: string,
  options: { readonly contentType?: string; readonly header?: readonly string[] },
): Promise<number> {
  const facts = await context.parts.facts();
  if (facts.destinations.includes(name)) {
    const events = await withControls(context, (controls) => controls.outgoing(subject, name));
    context.output.result(events, (list) => list.map((event) => JSON.stringify(event, null, 2)).join('\n'));
    return exitCodes.done.code;
  }
  const account = facts.accounts.find(({ id }) => id === name);
  const adapter = account?.adapter ?? name;
  if (adapter !== 'api' && !facts.adapters.includes(adapter)) {
    const known = [...facts.adapters, 'api', ...facts.destinations];
    throw new RefusedRequest(
      'not_found',
      `Neither an adapter nor a destination is called ${JSON.stringify(name)}; known: ${known.join(', ')}.`,
    );
  }
  const body = readInput(subject);
  const request =
    adapter === 'api' ? toSubmission(body) : toRaw(adapter, account?.id, subject, body, options);
  const made = await withControls(context, (controls) => controls.preview(request));
  context.output.result(made, (value) => JSON.stringify(value, null, 2));
  return exitCodes.done.code;
}

function readInput(path: string): Buffer {
  try {
    return readFileSync(path === '-' ? 0 : path);
  } catch (cause) {
    throw new RefusedRequest('not_found', `The file ${path} cannot be read.`, { cause });
  }
}

function toSubmission(body: Buffer): PreviewRequest {
  let json: unknown;
  try {
    json = JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw new RefusedRequest('malformed_json', 'The file is not valid JSON.', { cause });
  }
  const parsed = messageSubmission.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new RefusedRequest('invalid_request', 'The file is no message submission.', {
    errors: parsed.error.issues.map((issue) => ({
      pointer: `/${issue.path.map(String).join('/')}`,
      message: issue.message,
    })),
  });
}

function toRaw(
  adapter: string,
  account: string | undefined,
  path: string,
  body: Buffer,
  options: { readonly contentType?: string; readonly header?: readonly string[] },
): PreviewRequest {
  const headers = (options.header ?? []).map((line) => {
    const [name = '', ...value] = line.split(':');
    return [name.trim().toLowerCase(), value.join(':').trim()] as const;
  });
  return {
    adapter,
    ...(account !== undefined && { account }),
    contentType: options.contentType ?? contentTypes[extname(basename(path))] ?? 'application/octet-stream',
    ...(headers.length > 0 && { headers: Object.fromEntries(headers) }),
    bodyBase64: body.toString('base64'),
  };
}
