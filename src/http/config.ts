/** What the HTTP server needs to know. Composed from `kapi.yaml` and the environment. */
export interface HttpConfig {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** How providers and citizens reach us, without a slash at the end. Never built from the Host header. */
  readonly publicUrl: string;
  /** Addresses or CIDR ranges of reverse proxies whose `X-Forwarded-*` is believed. Empty: nobody's. */
  readonly trustProxy: readonly string[];
  /** Addresses or CIDR ranges that may read `/metrics`. Anybody else gets a 404. */
  readonly metricsAllow: readonly string[];
  readonly limits: HttpLimits;
}

export interface HttpLimits {
  /** Requests a second of one API key, with a burst of as many; keys with `rateLimited: false` are exempt. */
  readonly keyPerSecond: number;
  /** Requests a second of one address on public pages and of failed authentications, with twice the burst. */
  readonly addressPerSecond: number;
  readonly headersSeconds: number;
  /** A body without a longer limit of its own route must have arrived after this. */
  readonly bodySeconds: number;
  /** Longest time any body may take; slower than `minBytesPerSecond` after `bodySeconds` is cut earlier. */
  readonly longBodySeconds: number;
  readonly minBytesPerSecond: number;
  readonly maxRequestsPerSocket: number;
  readonly maxHeaderBytes: number;
  readonly maxMessageBytes: number;
  readonly maxUploadBytes: number;
  readonly maxBatchBytes: number;
  readonly maxBatchItems: number;
  /** Bytes of request bodies held in memory at once, over all requests. */
  readonly maxBodyBytesInFlight: number;
  readonly maxStreams: number;
  readonly streamHeartbeatSeconds: number;
  /** A reader that takes nothing for this long is cut. */
  readonly slowReaderSeconds: number;
  /** Overload: mean event loop delay of the last second. */
  readonly eventLoopDelayMs: number;
  /** Overload: event loop utilisation of the last five seconds; refuses reads alone. 1 switches it off. */
  readonly eventLoopUtilization: number;
  readonly maxRssBytes: number;
  readonly retryAfterSeconds: number;
  /** In-flight requests get this long when the server stops. */
  readonly stopSeconds: number;
  /** A revoked key stops working within this time. */
  readonly keyCacheSeconds: number;
}

const MiB = 1024 * 1024;

export const defaultLimits: HttpLimits = {
  keyPerSecond: 200,
  addressPerSecond: 20,
  headersSeconds: 3,
  bodySeconds: 5,
  longBodySeconds: 300,
  minBytesPerSecond: 1024,
  maxRequestsPerSocket: 100_000,
  maxHeaderBytes: 16 * 1024,
  maxMessageBytes: MiB,
  maxUploadBytes: 25 * MiB,
  maxBatchBytes: 64 * MiB,
  maxBatchItems: 10_000,
  maxBodyBytesInFlight: 256 * MiB,
  maxStreams: 200,
  streamHeartbeatSeconds: 15,
  slowReaderSeconds: 10,
  eventLoopDelayMs: 500,
  eventLoopUtilization: 0.95,
  maxRssBytes: 1024 * MiB,
  retryAfterSeconds: 5,
  stopSeconds: 10,
  keyCacheSeconds: 5,
};

export const defaultHttpConfig: HttpConfig = {
  host: '127.0.0.1',
  port: 8080,
  publicUrl: 'http://127.0.0.1:8080',
  trustProxy: [],
  metricsAllow: ['127.0.0.0/8', '::1'],
  limits: defaultLimits,
};
