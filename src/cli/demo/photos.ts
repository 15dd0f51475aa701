import { crc32, deflateSync } from 'node:zlib';

export type PhotoKind = 'png' | 'jpeg';

export interface Photo {
  readonly name: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** A small picture, another one for each `seed`: no two photos of the demonstration are the same file. */
export function photo(kind: PhotoKind, seed: number): Photo {
  return kind === 'png'
    ? { name: `ekran görüntüsü ${seed}.png`, mediaType: 'image/png', bytes: png(seed) }
    : { name: `IMG_2026${seed}.jpg`, mediaType: 'image/jpeg', bytes: jpeg(seed) };
}

const width = 32;
const height = 24;

/** A field of colour with a darker patch in it, one byte a channel. */
function png(seed: number): Uint8Array {
  const rows: number[] = [];
  for (let y = 0; y < height; y += 1) {
    rows.push(0);
    for (let x = 0; x < width; x += 1) {
      const patch = Math.hypot(x - (seed % width), y - height / 2) < 6 ? 90 : 0;
      rows.push(Math.max(0, 160 - patch + (seed % 60)), Math.max(0, 140 - patch), (seed * 7) % 200);
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(Buffer.from(rows))),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

function pngChunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, sum]);
}

/** Sixteen by twelve pixels of sky, street and a hole in it. */
const street = Buffer.from(
  '/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDACgcHiMeGSgjISMtKygwPGRBPDc3PHtYXUlkkYCZlo+AjIqgtObDoKrarYqMyP/L2u71' +
    '////m8H////6/+b9//j/2wBDASstLTw1PHZBQXb4pYyl+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4' +
    '+Pj4+Pj4+Pj/wAARCAAMABADASIAAhEBAxEB/8QAFgABAQEAAAAAAAAAAAAAAAAAAAMF/8QAHBAAAQQDAQAAAAAAAAAAAAAAAQACER' +
    'NScZEx/8QAFQEBAQAAAAAAAAAAAAAAAAAAAAH/xAAVEQEBAAAAAAAAAAAAAAAAAAAAEv/aAAwDAQACEQMRAD8ArYzNvUsZm3qziJES' +
    'RpGiB6TtKSX/2Q==',
  'base64',
);
/** After the start marker and the JFIF segment. */
const afterHeader = 20;

/** The street with a comment segment that makes it another file. */
function jpeg(seed: number): Uint8Array {
  const comment = Buffer.from(`demo ${seed}`, 'latin1');
  const segment = Buffer.alloc(4 + comment.length);
  segment.writeUInt16BE(0xfffe, 0);
  segment.writeUInt16BE(comment.length + 2, 2);
  segment.set(comment, 4);
  return Buffer.concat([street.subarray(0, afterHeader), segment, street.subarray(afterHeader)]);
}
