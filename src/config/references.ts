import type { Routes, Topics, Units } from './lists.ts';
import type { Path, Problem } from './problem.ts';
import { entrances, type KapiFile, type SettingsParts } from './schema.ts';
import type { YamlFile } from './yaml-file.ts';

/** A checked file with its typed value; `value` is absent where its shape is already wrong. */
export interface Checked<T> {
  readonly file: YamlFile;
  readonly value: T | undefined;
}

export interface Files {
  readonly kapi: Checked<KapiFile>;
  readonly units: Checked<Units>;
  readonly topics: Checked<Topics>;
  readonly routes: Checked<Routes>;
}

/** What no single schema can see: names that must exist elsewhere, and names that may exist once. */
export function referenceProblems(files: Files, parts: SettingsParts): readonly Problem[] {
  const { kapi, units, topics, routes } = files;
  const unitIds = new Set(unitEntries(units.value).map(([, id]) => id));
  const districtUnitIds = new Set(units.value?.districtUnits.map(({ id }) => id));
  const topicCodes = new Set(topics.value?.topics.map(({ code }) => code));

  const names = (file: YamlFile, path: Path, id: string | undefined, known: Set<string>, what: string) =>
    id === undefined || known.size === 0 || known.has(id)
      ? []
      : [file.problemAt(path, what, JSON.stringify(id))];
  const unitWords = 'the id of a unit, district or partner in units.yaml';

  return [
    ...repeats(kapi.file, kapi.value?.accounts.map(({ id }, at) => [['accounts', at, 'id'], id]) ?? []),
    ...repeats(
      kapi.file,
      kapi.value?.destinations.map(({ id }, at) => [['destinations', at, 'id'], id]) ?? [],
    ),
    ...repeats(units.file, unitEntries(units.value)),
    ...repeats(
      units.file,
      units.value?.districtUnits.map(({ id }, at) => [['districtUnits', at, 'id'], id]) ?? [],
    ),
    ...repeats(topics.file, topics.value?.topics.map(({ code }, at) => [['topics', at, 'code'], code]) ?? []),
    ...repeats(routes.file, routes.value?.rules.map(({ id }, at) => [['rules', at, 'id'], id]) ?? []),
    ...accountProblems(kapi, parts),
    ...coordinationProblems(kapi),
    ...alarmProblems(kapi),
    ...(kapi.value?.accounts ?? []).flatMap(({ unit }, at) =>
      names(kapi.file, ['accounts', at, 'unit'], unit, unitIds, unitWords),
    ),
    ...(kapi.value?.destinations ?? []).flatMap((destination, at) =>
      (destination.units ?? []).flatMap((unit, index) =>
        names(kapi.file, ['destinations', at, 'units', index], unit, unitIds, unitWords),
      ),
    ),
    ...(topics.value?.topics ?? []).flatMap((topic, at) => [
      ...names(topics.file, ['topics', at, 'unit'], topic.unit, unitIds, unitWords),
      ...topic.otherUnits.flatMap((unit, index) =>
        names(topics.file, ['topics', at, 'otherUnits', index], unit, unitIds, unitWords),
      ),
      ...names(
        topics.file,
        ['topics', at, 'districtUnit'],
        topic.districtUnit,
        districtUnitIds,
        'the id of a district unit in units.yaml',
      ),
    ]),
    ...(routes.value?.rules ?? []).flatMap((rule, at) => [
      ...names(routes.file, ['rules', at, 'unit'], rule.unit, unitIds, unitWords),
      ...rule.topics.flatMap((code, index) =>
        names(routes.file, ['rules', at, 'topics', index], code, topicCodes, 'a topic code in topics.yaml'),
      ),
    ]),
  ];
}

function unitEntries(units: Units | undefined): readonly (readonly [Path, string])[] {
  if (!units) return [];
  return (['units', 'districts', 'partners'] as const).flatMap((list) =>
    units[list].map(({ id }, at): readonly [Path, string] => [[list, at, 'id'], id]),
  );
}

function repeats(file: YamlFile, entries: readonly (readonly [Path, string])[]): readonly Problem[] {
  const seen = new Set<string>();
  return entries.flatMap(([path, id]) => {
    if (!seen.has(id)) {
      seen.add(id);
      return [];
    }
    return [file.problemAt(path, 'an id that is used once', `${JSON.stringify(id)} again`)];
  });
}

function accountProblems({ file, value }: Checked<KapiFile>, parts: SettingsParts): readonly Problem[] {
  const accounts = value?.accounts ?? [];
  return accounts.flatMap((account, at) => {
    const problems: Problem[] = [];
    const abroad = parts.adapters[account.adapter]?.abroad ?? false;
    if (account.enabled && abroad && account.transferBasis === undefined) {
      problems.push(
        file.problemAt(
          ['accounts', at, 'transferBasis'],
          'the KVKK basis for sending personal data abroad, or enabled: false',
          'nothing',
        ),
      );
    }
    if (account.settle.quietSeconds > account.settle.maxSeconds) {
      problems.push(
        file.problemAt(
          ['accounts', at, 'settle', 'quietSeconds'],
          `at most maxSeconds (${account.settle.maxSeconds})`,
          String(account.settle.quietSeconds),
        ),
      );
    }
    const entrance = entrances.find((name) => name === account.adapter && name === 'form');
    const first = accounts.findIndex((other) => other.enabled && other.adapter === entrance);
    if (entrance && account.enabled && first < at) {
      problems.push(
        file.problemAt(['accounts', at, 'adapter'], `one enabled account of ${entrance}`, 'a second one'),
      );
    }
    return problems;
  });
}

/** Every record reaches the coordination queue, so there must be one, and it must see every record. */
function coordinationProblems({ file, value }: Checked<KapiFile>): readonly Problem[] {
  if (!value) return [];
  const at = value.destinations.findIndex(({ id }) => id === 'coordination');
  const queue = value.destinations[at];
  if (!queue) {
    return [file.problemAt(['destinations'], 'a destination with id: coordination', 'none')];
  }
  const path = ['destinations', at];
  return [
    ...(queue.kind === 'queue'
      ? []
      : [file.problemAt([...path, 'kind'], 'queue for the destination coordination', queue.kind)]),
    ...(queue.enabled
      ? []
      : [file.problemAt([...path, 'enabled'], 'true for the destination coordination', 'false')]),
    ...(queue.units === undefined
      ? []
      : [file.problemAt([...path, 'units'], 'no units: coordination gets every record', 'a list', 'key')]),
  ];
}

function alarmProblems({ file, value }: Checked<KapiFile>): readonly Problem[] {
  if (!value) return [];
  const { people, smtp } = value.alarms;
  return people.flatMap((person, at) => {
    const path = ['alarms', 'people', at];
    if (person.email === undefined && person.webhook === undefined) {
      return [file.problemAt(path, 'an email or a webhook', 'neither')];
    }
    return person.email !== undefined && smtp === undefined
      ? [file.problemAt([...path, 'email'], 'a mail server under alarms.smtp', 'none')]
      : [];
  });
}
