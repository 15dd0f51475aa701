import { SlowPeers as Honest } from '../../../src/http/slow-peers.ts';

export * from '../../../src/http/slow-peers.ts';

export class SlowPeers extends Honest {
  override started(): void {}
  override reads(): void {}
}
