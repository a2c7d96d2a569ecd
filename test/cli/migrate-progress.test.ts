import { expect, it } from 'vitest';

import { CopyProgress } from '../../src/cli/migrate-progress.ts';
import type { CopyStep } from '../../src/storage/copy.ts';

const STEPS: readonly CopyStep[] = [
  { kind: 'copied', table: 'events', rows: 1000, total: 12_345 },
  { kind: 'copied', table: 'events', rows: 2000, total: 12_345 },
  { kind: 'copied', table: 'events', rows: 12_345, total: 12_345 },
  { kind: 'verified', table: 'events', rows: 12_345, total: 12_345 },
  { kind: 'verified', table: 'mails', rows: 0, total: 0 },
];

function shown(isTTY: boolean): { text: string; verifiedRows: number } {
  let text = '';
  const progress = new CopyProgress({ isTTY, write: (part: string) => (text += part) }, () => 0);
  for (const step of STEPS) progress.show(step);
  progress.end();
  return { text, verifiedRows: progress.verifiedRows };
}

it('a file or a pipe gets a line for each table that is whole', () => {
  expect(shown(false)).toEqual({
    text:
      'copied    events                       12,345 of 12,345 rows\n' +
      'verified  events                       12,345 of 12,345 rows\n',
    verifiedRows: 12_345,
  });
});

it('a terminal gets one line, written anew not more often than can be read, and left clean', () => {
  const { text } = shown(true);
  expect(text).not.toContain('\n');
  const lines = text.split('\r\u001b[K').map((line) => line.replaceAll(/ +/g, ' '));
  expect(lines).toEqual([
    '',
    'copied events 1,000 of 12,345 rows',
    'copied events 12,345 of 12,345 rows',
    'verified events 12,345 of 12,345 rows',
    'verified mails 0 of 0 rows',
    '',
  ]);
});
