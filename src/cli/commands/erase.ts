import { RefusedRequest } from '@kapi/contract';
import { type Context, withControls } from '../context.ts';
import type { Subject } from '../controls.ts';
import { exitCodes } from '../exit-codes.ts';

/** Erases a record, or everything of a person, for good. Asks for nothing: `--yes` is the consent. */
export async function erase(
  context: Context,
  options: {
    readonly record?: string;
    readonly subject?: string;
    readonly reason: string;
    readonly yes?: boolean;
  },
): Promise<number> {
  const what = toSubject(options);
  if (options.yes !== true) {
    throw new RefusedRequest('invalid_request', 'Erasing cannot be undone; repeat the command with --yes.');
  }
  const erased = await withControls(context, (controls) => controls.erase(what, options.reason));
  context.output.result(
    { erased },
    () =>
      `Erased: records ${erased.records}, messages outside records ${erased.messages}. Repeats of them stay recognised.`,
  );
  return exitCodes.done.code;
}

/** `--subject tckn:10000000146`, `phone:+905321234567`, `email:a@example.org`. */
export function toSubject(options: { readonly record?: string; readonly subject?: string }): Subject {
  const { record, subject } = options;
  if ((record === undefined) === (subject === undefined)) {
    throw new RefusedRequest('invalid_request', 'Name either --record or --subject.');
  }
  if (record !== undefined) return { number: record };
  const [kind, ...rest] = (subject ?? '').split(':');
  const value = rest.join(':').trim();
  if (value !== '' && kind === 'tckn') return { tckn: value };
  if (value !== '' && kind === 'phone') return { phone: value };
  if (value !== '' && kind === 'email') return { email: value };
  throw new RefusedRequest('invalid_request', '--subject: expected tckn:…, phone:… or email:….');
}
