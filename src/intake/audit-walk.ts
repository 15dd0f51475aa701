import type { AuditCheck, Reader } from '@kapi/contract';

/** Rows of one slice: some milliseconds of the reader's time, between which others are answered. */
const sliceRows = 10_000;

/** Walks the whole audit chain, slice by slice, up to its first break. */
export async function walkAudit(reader: Pick<Reader, 'verifyAudit'>, slice = sliceRows): Promise<AuditCheck> {
  let rows = 0;
  let last: AuditCheck['last'];
  for (;;) {
    const check = await reader.verifyAudit({ max: slice, ...(last && { after: last }) });
    rows += check.rows;
    last = check.last ?? last;
    if (check.brokenAt !== undefined || check.rows < slice)
      return {
        rows,
        ...(last && { last }),
        ...(check.brokenAt !== undefined && { brokenAt: check.brokenAt }),
      };
  }
}
