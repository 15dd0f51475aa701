import { expect, it } from 'vitest';
import { controlsOf } from '../../src/cli/gateway-controls.ts';
import { testingGateway } from '../../src/http/testing-gateway.ts';

it.each([
  ['full', 1],
  ['masked', 0],
  ['minimal', 0],
] as const)('a dry run of a destination in %s writes %i reveals', async (profile, reveals) => {
  const gateway = testingGateway();
  const actor = { name: 'key:x', scopes: new Set(['intake'] as const), account: 'cagri-153' };
  const { number } = await gateway.entrance.receive({ channel: 'phone', text: 'su yok' }, 'k1', actor);
  const controls = controlsOf({ gateway, close: async () => undefined });
  expect(await controls.events(number, profile, 'ornek')).toHaveLength(1);
  expect(gateway.state.revealed).toHaveLength(reveals);
});
