import { registerHooks } from 'node:module';
import { type Sabotage, sabotages } from './sabotages.ts';

/**
 * Loaded before a gateway of the fault suite starts, in every thread of it: puts the files of the sabotage
 * named in `KAPI_TEST_SABOTAGE` in the place of the modules they wrap.
 */
const isSabotage = (name: string): name is Sabotage => Object.hasOwn(sabotages, name);
const name = process.env.KAPI_TEST_SABOTAGE ?? '';
if (process.env.NODE_ENV !== 'test' || !isSabotage(name)) throw new Error(`There is no sabotage «${name}».`);

const root = new URL('../../../', import.meta.url);
const replacements = new Map(
  Object.entries(sabotages[name]).map(([module, file]) => [
    new URL(module, root).href,
    new URL(file, import.meta.url).href,
  ]),
);

registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context);
    const replacement = replacements.get(resolved.url);
    // The wrapper itself, and nobody else, gets the real one.
    return replacement === undefined || context.parentURL === replacement
      ? resolved
      : { ...resolved, url: replacement };
  },
});
