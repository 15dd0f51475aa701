import dgram from 'node:dgram';
import dns from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';

/** Runs a synchronous function under a clock that stands still. */
export function atClock<T>(epochMs: number, run: () => T): T {
  const RealDate = globalThis.Date;
  const realNow = performance.now;
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, values, newTarget) =>
      Reflect.construct(target, values.length === 0 ? [epochMs] : values, newTarget),
    apply: () => new RealDate(epochMs).toString(),
    get: (target, key, receiver) => (key === 'now' ? () => epochMs : Reflect.get(target, key, receiver)),
  });
  performance.now = () => epochMs;
  try {
    return run();
  } finally {
    globalThis.Date = RealDate;
    performance.now = realNow;
  }
}

const doors: readonly (readonly [owner: object, name: string, label: string])[] = [
  [globalThis, 'fetch', 'fetch'],
  [net.Socket.prototype, 'connect', 'net.Socket.connect'],
  [net, 'connect', 'net.connect'],
  [net, 'createConnection', 'net.createConnection'],
  [dns, 'lookup', 'dns.lookup'],
  [dns, 'resolve', 'dns.resolve'],
  [dns.promises, 'lookup', 'dns.promises.lookup'],
  [dns.promises, 'resolve', 'dns.promises.resolve'],
  [http, 'request', 'http.request'],
  [http, 'get', 'http.get'],
  [https, 'request', 'https.request'],
  [https, 'get', 'https.get'],
  [dgram, 'createSocket', 'dgram.createSocket'],
];

/** Runs a synchronous function with every way to the network closed, and names the ones it tried. */
export function withoutNetwork<T>(run: () => T): { readonly result: T; readonly tried: readonly string[] } {
  const tried: string[] = [];
  const restore: (() => void)[] = [];
  for (const [owner, name, label] of doors) {
    const real = Object.getOwnPropertyDescriptor(owner, name);
    if (real === undefined) continue;
    const closed = (): never => {
      tried.push(label);
      throw new Error(`the network is off (${label})`);
    };
    Object.defineProperty(owner, name, {
      configurable: true,
      writable: true,
      enumerable: true,
      value: closed,
    });
    restore.push(() => Object.defineProperty(owner, name, real));
  }
  syncBuiltinESMExports();
  try {
    return { result: run(), tried };
  } finally {
    for (const undo of restore) undo();
    syncBuiltinESMExports();
  }
}

/** Freezes plain objects and lists all the way down. Bytes cannot be frozen: compare them afterwards. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || Object.isFrozen(value)) {
    return value;
  }
  Object.freeze(value);
  for (const inner of Object.values(value)) deepFreeze(inner);
  return value;
}

/** Collects what is printed while it runs. */
export async function listening<T>(
  run: () => Promise<T>,
): Promise<{ readonly result: T; readonly printed: string }> {
  const printed: string[] = [];
  const names = ['log', 'info', 'warn', 'error', 'debug', 'trace'] as const;
  const real = names.map((name) => [name, console[name]] as const);
  for (const name of names)
    console[name] = (...values: readonly unknown[]) => void printed.push(values.map(String).join(' '));
  try {
    return { result: await run(), printed: printed.join('\n') };
  } finally {
    for (const [name, method] of real) console[name] = method;
  }
}
