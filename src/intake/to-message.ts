import type { InboundMessage, MessageSubmission } from '@kapi/contract';
import { toE164, toEmail } from '@kapi/kit';

/** What a submission says, as the one message it is. Pure. */
export function toMessage(
  submission: MessageSubmission,
  key: string,
  attachments: InboundMessage['attachments'],
): InboundMessage {
  const { citizen } = submission;
  const { phone } = citizen ?? {};
  // Who it is from is only what can be written to; the facts say it as it was written.
  const number = phone === undefined ? undefined : toE164(phone);
  const address = citizen?.email === undefined ? undefined : toEmail(citizen.email);
  return {
    key,
    channel: submission.channel,
    sender: {
      id: number ?? address ?? '',
      kind: number === undefined && address !== undefined ? 'email' : 'phone',
      proven: false,
    },
    ...(submission.occurredAt !== undefined && { sentAt: submission.occurredAt }),
    ...(submission.subject !== undefined && submission.subject !== '' && { subject: submission.subject }),
    text: submission.text ?? '',
    ...(citizen?.language !== undefined && { language: citizen.language }),
    attachments,
    facts: {
      name: citizen?.name,
      tckn: citizen?.tckn,
      taxNo: citizen?.taxNo,
      organisation: citizen?.organisation,
      phones: phone === undefined ? undefined : [phone],
      emails: citizen?.email === undefined || citizen.email === '' ? undefined : [citizen.email],
      address: citizen?.address,
      preferredReply: citizen?.preferredReply,
      answerBy: citizen?.answerBy,
      needs: citizen?.needs,
      anonymity: submission.anonymity,
      applicationType: submission.applicationType,
      urgency: submission.urgency,
      external: submission.external,
      gathering: submission.gathering,
      call: submission.call,
      place: submission.place,
      createdBy: submission.createdBy,
      unit: submission.unit,
      noticeVersion: submission.noticeVersion,
      extra: submission.extra,
    },
  };
}
