import type { Bell } from '../intake/clocks.ts';
import type { DeliveryFact } from '../intake/forward.ts';
import type { Metrics } from '../platform/index.ts';

const sentences: Readonly<Record<string, string>> = {
  attempts_exhausted: 'bir olay defalarca verildi, hiç onaylanmadı',
  horizon: 'bir olayı süresi boyunca almadı',
  internal: 'bir olay geri okunamadı',
};

/** Counts each try to deliver, pushed or pulled, and tells a person of each that was the last. */
export function tellDeliveries(
  metrics: Pick<Metrics, 'deliveries'>,
  bell: Pick<Bell, 'raise'>,
): (fact: DeliveryFact) => void {
  return (fact) => {
    const { destination } = fact;
    metrics.deliveries.add({ destination, result: fact.fact });
    if (fact.fact !== 'dead') return;
    const what = sentences[fact.code] ?? 'bir olayı geri çevirdi';
    const text = `Hedef ${destination}: ${what} (${fact.code}). «kapi deadletters list» ile bakın, düzelince «kapi deadletters resend --destination ${destination}».`;
    void bell.raise('dead-letter', destination, text, 'warning');
  };
}
