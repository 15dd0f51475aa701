/**
 * The closed word lists of the ŞÖK record (schema `sok/1`). Keys are English and never shown to a
 * citizen; the Turkish labels stand in `labels.ts`.
 */

export const channels = [
  'whatsapp',
  'sms',
  'email',
  'kep',
  'x',
  'facebook',
  'instagram',
  'phone',
  'switchboard',
  'mayor_call',
  'web',
  'front_desk',
  'mobile_team',
  'neighbourhood_meeting',
  'idea_box',
  'press',
  'private_office',
  'petition',
  'cimer',
  'bimer_legacy',
  'tbmm_edilekce',
  'acikkapi',
  'eyp',
  'district_desk',
  'open311',
  'telegram',
  'edevlet',
  'kma',
  'flow',
] as const;
export type Channel = (typeof channels)[number];

export const kinds = ['complaint', 'suggestion', 'contribution'] as const;
export type Kind = (typeof kinds)[number];

export const applicationTypes = [
  'complaint',
  'request',
  'tipoff',
  'opinion',
  'information',
  'inquiry',
  'thanks',
  'participation',
  'job',
] as const;
export type ApplicationType = (typeof applicationTypes)[number];

/** ŞÖK kind that an application type counts as. */
export const kindOf: Readonly<Record<ApplicationType, Kind>> = {
  complaint: 'complaint',
  request: 'complaint',
  tipoff: 'complaint',
  opinion: 'suggestion',
  information: 'contribution',
  inquiry: 'contribution',
  thanks: 'contribution',
  participation: 'contribution',
  job: 'contribution',
};

export const legalTracks = ['service', 'law3071', 'law4982', 'law6698', 'institution'] as const;
export type LegalTrack = (typeof legalTracks)[number];

export const origins = ['citizen', 'clerk', 'institution'] as const;
export type Origin = (typeof origins)[number];

export const anonymities = ['open', 'confidential', 'anonymous'] as const;
export type Anonymity = (typeof anonymities)[number];

export const citizenTypes = ['person', 'company', 'anonymous'] as const;

/** Most urgent first: the index in this list is the priority of a delivery. */
export const urgencies = ['emergency', 'today', 'urgent', 'normal'] as const;
export type Urgency = (typeof urgencies)[number];

/** Secrecy grades of official letters (e-Yazışma); `hzo` and above are handled by a person. */
export const confidentialities = ['none', 'hzo', 'ozl', 'gzl', 'cgz'] as const;
export type Confidentiality = (typeof confidentialities)[number];

export const owners = ['metropolitan', 'district', 'affiliate', 'external', 'unknown'] as const;
export type Owner = (typeof owners)[number];

export const statuses = [
  'draft',
  'received',
  'incomplete',
  'queued',
  'accepted',
  'forwarded',
  'in_progress',
  'answered',
  'closed',
  'cancelled',
  'duplicate',
] as const;
export type Status = (typeof statuses)[number];

export const outcomes = ['positive', 'negative', 'transferred', 'informed', 'invalid'] as const;
export type OutcomeResult = (typeof outcomes)[number];

export const missingElements = ['name', 'signature', 'address', 'subject', 'place', 'contact'] as const;
export const needs = ['companion', 'wheelchair', 'signLanguage', 'noPhone', 'interpreter'] as const;
export const deadlineKinds = ['48h', '7d', '30d', '15wd', '30wd', 'topic', 'miat', 'planned'] as const;
export const findingSources = ['citizen', 'channel', 'rule', 'model', 'ocr', 'clerk', 'flow'] as const;
export const roadClasses = ['main', 'local', 'unknown'] as const;

/** What leaves the house: `full` to whoever may see everything, `masked` by default, `minimal` to strangers. */
export const profiles = ['full', 'masked', 'minimal'] as const;
export type Profile = (typeof profiles)[number];
