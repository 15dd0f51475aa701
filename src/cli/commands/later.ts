import { RefusedRequest } from '@kapi/contract';

/** Commands whose name is settled and whose part is not built yet, with what to do instead. */
export const laterCommands: Readonly<Record<string, string>> = {
  import:
    'Files are read from the version that brings documents; until then send their rows to POST /v1/messages/batch.',
  export: 'Until then read GET /v1/records page by page.',
  backup: 'Until then stop the gateway and copy the whole data folder.',
  restore: 'Until then stop the gateway and put the copied data folder back.',
};

export async function refuseLater(name: string, instead: string): Promise<never> {
  throw new RefusedRequest('invalid_request', `kapi ${name} is not in this version. ${instead}`);
}
