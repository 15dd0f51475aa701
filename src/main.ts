import { exitCodes } from './cli/exit-codes.ts';
import { run } from './cli/index.ts';
import { compose } from './compose.ts';

const code = await run(process.argv.slice(2), () => compose(process.env));
process.exitCode = code;
// After a fault nothing may go on, whatever is still open: a server without its store promises in vain.
if (code === exitCodes.fault.code) process.exit();
