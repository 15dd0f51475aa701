import type { Run } from './gateway.ts';

/** Leads to whoever runs now; while nobody does, callers wait before it. */
export interface Door {
  up(): Promise<Run>;
  opened(run: Run): void;
  closed(): void;
}

export function openDoor(): Door {
  let open: (run: Run) => void = () => undefined;
  let current = new Promise<Run>((resolve) => {
    open = resolve;
  });
  return {
    up: () => current,
    opened: (run) => open(run),
    closed() {
      current = new Promise((resolve) => {
        open = resolve;
      });
    },
  };
}
