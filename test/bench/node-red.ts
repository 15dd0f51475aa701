import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type Child, startChild } from './child.ts';

const program = join(import.meta.dirname, '..', '..', 'node_modules', 'node-red', 'red.js');
/** Node-RED comes with the development packages. */
export const hasNodeRed = (): boolean => existsSync(program);

const flow = (file: string): unknown => [
  { id: 'kapi.tab', type: 'tab', label: 'intake' },
  {
    id: 'kapi.in',
    type: 'http in',
    z: 'kapi.tab',
    url: '/messages',
    method: 'post',
    wires: [['kapi.function']],
  },
  {
    id: 'kapi.function',
    type: 'function',
    z: 'kapi.tab',
    func: 'msg.body = msg.payload; msg.payload = JSON.stringify(msg.payload); return msg;',
    outputs: 1,
    wires: [['kapi.file']],
  },
  {
    id: 'kapi.file',
    type: 'file',
    z: 'kapi.tab',
    filename: file,
    filenameType: 'str',
    appendNewline: true,
    overwriteFile: 'false',
    encoding: 'none',
    wires: [['kapi.answer']],
  },
  { id: 'kapi.answer', type: 'http response', z: 'kapi.tab', statusCode: '202', wires: [] },
];

/** A stock Node-RED with `http in → function → file`, answering when the file node is done. */
export async function startNodeRed(folder: string): Promise<{ readonly url: string; readonly child: Child }> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'flows.json'), JSON.stringify(flow(join(folder, 'messages.jsonl'))));
  const port = await freePort();
  writeFileSync(
    join(folder, 'settings.js'),
    `module.exports = ${JSON.stringify({
      uiHost: '127.0.0.1',
      uiPort: port,
      flowFile: 'flows.json',
      httpAdminRoot: false,
      telemetry: { enabled: false, updateNotification: false },
    })};`,
  );
  const child = await startChild(
    [program, '--userDir', folder, '--settings', join(folder, 'settings.js')],
    /Started flows/,
  );
  return { url: `http://127.0.0.1:${port}/messages`, child };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
