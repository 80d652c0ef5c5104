/** The list of containers in terminals of any width. */
import { stripVTControlCharacters } from 'node:util';
import { expect, it } from 'vitest';
import type { ListDocument, ListedContainer } from '../../../src/engine/list.ts';
import { renderList } from '../../../src/render/list.ts';
import { createStyle } from '../../../src/render/style.ts';

const container: ListedContainer = {
  vmid: 1000,
  name: 'student-anna-huber',
  node: 'pve1',
  status: 'running',
  template: false,
  tags: [],
  cores: null,
  cpuLimit: null,
  memoryMiB: 512,
  swapMiB: 512,
  rootfsBytes: 4 * 1024 ** 3,
  usage: { cpu: null, memoryBytes: 36 * 1024 ** 2, diskBytes: 550 * 1024 ** 2 },
  addresses: ['10.1.1.2/24'],
  pending: [],
  uptimeSeconds: 1531,
  fleet: 'class',
  key: 'student-anna-huber',
  pool: 'class-anna-huber',
  student: 'anna-huber',
  group: 'A',
  expires: '2027-01-31',
};
const document: ListDocument = { format: 'pvefleet.list/1', containers: [container] };
const list = (width: number, isTerminal: boolean, names?: string[]): string[] =>
  renderList(document, createStyle({ color: true, width, isTerminal }), names).split('\n');
const plain = (line: string): string => stripVTControlCharacters(line);

it.each([80, 100, 130, 200])('fits into %i columns, and says what is left out', (width) => {
  const lines = list(width, true).map(plain);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
  expect(lines[0]).toMatch(/VMID +NAME +.*STATUS +.*MEMORY +.*ADDRESS +.*STUDENT/);
  expect(lines.join('\n').includes('(--columns): swap')).toBe(width < 150);
});

it('is whole where nobody looks, and as it was asked for', () => {
  expect(plain(list(80, false)[0] ?? '')).toContain('POOL');
  expect(plain(list(40, true, ['name', 'pool', 'address', 'swap'])[0] ?? '')).toMatch(
    /NAME +POOL +ADDRESS +SWAP/,
  );
});
