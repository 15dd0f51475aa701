import { join } from 'node:path';
import { type ApiClient, clientFor } from './api-client.ts';
import { createApiControls } from './api-controls.ts';
import type { Controls } from './controls.ts';
import { controlsOf } from './gateway-controls.ts';
import type { Output } from './output.ts';
import type { CliParts } from './parts.ts';

/** All a command gets. It answers with its exit code; what it throws becomes one. */
export interface Context {
  readonly parts: CliParts;
  readonly output: Output;
}

/** Beside a running gateway through its API, else under the data lock. Closes whatever happens. */
export async function withControls<T>(
  { parts }: Context,
  act: (controls: Controls) => Promise<T>,
): Promise<T> {
  const client = clientFor(parts.environment.dataFolder);
  const controls = client ? createApiControls(client) : controlsOf(await parts.open());
  try {
    return await act(controls);
  } finally {
    await controls.close();
  }
}

/** The running gateway's client, where a command makes sense only beside one. */
export function clientOf({ parts }: Context): ApiClient | undefined {
  return clientFor(parts.environment.dataFolder);
}

export const adapterFolder = (parts: CliParts, id: string): string => join(parts.root, 'adapters', id);
