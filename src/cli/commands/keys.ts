import { RefusedRequest, type Scope, scopes } from '@kapi/contract';
import { type Context, withControls } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { table } from '../output.ts';

export async function listKeys(context: Context): Promise<number> {
  const keys = await withControls(context, (controls) => controls.keys());
  context.output.result(keys, (rows) =>
    table(
      ['id', 'name', 'account', 'scopes', 'queues', 'made', 'revoked'],
      rows.map((row) => [
        row.id,
        row.name,
        row.account ?? '',
        row.scopes.join(' '),
        row.queues?.join(' ') ?? '',
        row.createdAt,
        row.revokedAt ?? '',
      ]),
      'There are no keys.',
    ),
  );
  return exitCodes.done.code;
}

/** Makes a key and shows it this once. */
export async function createKey(
  context: Context,
  options: {
    readonly name: string;
    readonly scopes: readonly string[];
    readonly account?: string;
    readonly queues?: readonly string[];
  },
): Promise<number> {
  const request = {
    name: options.name,
    scopes: options.scopes.map(toScope),
    ...(options.account !== undefined && { account: options.account }),
    ...(options.queues && { queues: options.queues }),
  };
  const made = await withControls(context, (controls) => controls.createKey(request));
  context.output.result(made, ({ id, key }) =>
    [`Key ${id}, shown this once (a lost one is revoked and made anew):`, key].join('\n'),
  );
  return exitCodes.done.code;
}

export async function revokeKey(context: Context, id: string): Promise<number> {
  await withControls(context, (controls) => controls.revokeKey(id));
  context.output.result(
    { revoked: id },
    () => `Key ${id} opens nothing any more. Whoever used it needs a new one: kapi keys create.`,
  );
  return exitCodes.done.code;
}

function toScope(text: string): Scope {
  const scope = scopes.find((known) => known === text);
  if (!scope) {
    throw new RefusedRequest(
      'invalid_request',
      `--scope: expected one of ${scopes.join(', ')}, found ${JSON.stringify(text)}.`,
    );
  }
  return scope;
}
