import type { Diagnosis } from '../cli/parts.ts';

/** Said once at start, and by doctor. */
export const unfenced =
  'Foreign files are parsed without a fence around the network: this kernel or container refuses «unshare --net --map-root-user» (util-linux, user namespaces). Time, memory and writing stay capped.';

export const fenceDiagnosis = (fenced: boolean): Diagnosis =>
  fenced
    ? { subject: 'parser fence', ok: true, detail: 'Foreign files are parsed without network.' }
    : { subject: 'parser fence', ok: true, warn: true, detail: `${unfenced} See docs/security.md.` };
