import { resolve } from 'node:path';
import { ConfigError, type FieldError } from '@kapi/contract';
import { z } from 'zod';

const environmentSchema = z.object({
  KAPI_CONFIG: z.string().min(1).default('config').describe('Folder with kapi.yaml'),
  KAPI_DATA: z
    .string()
    .min(1)
    .default('data')
    .describe('Folder for everything that must survive; back it up'),
  KAPI_HOST: z.string().min(1).default('127.0.0.1').describe('Address to listen on'),
  KAPI_PORT: z.coerce
    .number({ error: 'expected a port from 0 to 65535' })
    .int({ error: 'expected a port from 0 to 65535' })
    .min(0)
    .max(65_535)
    .default(8080)
    .describe('Port; 0 takes a free one'),
  KAPI_PUBLIC_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Address that citizens and providers see; default: host and port'),
});
export const environmentVariables = environmentSchema.shape;

export interface Environment {
  readonly configFolder: string;
  readonly dataFolder: string;
  readonly host: string;
  readonly port: number;
  /** Without a slash at the end; undefined: what the server listens on. */
  readonly publicUrl: string | undefined;
}

/** @throws ConfigError `config_invalid`, naming every wrong variable */
export function readEnvironment(variables: NodeJS.ProcessEnv): Environment {
  const set = Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== ''));
  const parsed = environmentSchema.safeParse(set);
  if (!parsed.success) {
    const errors: FieldError[] = parsed.error.issues.map((issue) => ({
      pointer: issue.path.join('/'),
      message: issue.message,
    }));
    const named = errors.map(({ pointer, message }) => `${pointer}: ${message}`).join('; ');
    throw new ConfigError('config_invalid', `Environment: ${named}`, { errors });
  }
  if (variables.NODE_TLS_REJECT_UNAUTHORIZED === '0')
    throw new ConfigError(
      'config_invalid',
      'Environment: NODE_TLS_REJECT_UNAUTHORIZED: expected nothing, found 0, which believes every certificate; name an authority of your own in NODE_EXTRA_CA_CERTS instead',
    );
  const { KAPI_CONFIG, KAPI_DATA, KAPI_HOST, KAPI_PORT, KAPI_PUBLIC_URL } = parsed.data;
  return {
    configFolder: resolve(KAPI_CONFIG),
    dataFolder: resolve(KAPI_DATA),
    host: KAPI_HOST,
    port: KAPI_PORT,
    publicUrl: KAPI_PUBLIC_URL?.replace(/\/+$/, ''),
  };
}
