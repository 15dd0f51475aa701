import { execFileSync } from 'node:child_process';

const required = process.env.KAPI_REQUIRE_ENGINES === '1';

/** Why it cannot be done here; undefined where it can. Where everything is required, the lack fails. */
export function lack(reason: string, there: boolean): string | undefined {
  if (there) return undefined;
  if (required) throw new Error(reason);
  return reason;
}

/** A file system of its own over the folder; what it gives back takes it away. */
export function mountSmall(folder: string, mebibytes: number): () => void {
  execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=0700`, 'tmpfs', folder]);
  return () => void execFileSync('/bin/umount', ['-l', folder]);
}

export function enlarge(folder: string, mebibytes: number): void {
  execFileSync('/bin/mount', ['-o', `remount,size=${mebibytes}m`, folder]);
}
