/** Answers without refusal, and no answers at all. */
import { describe, expect, it } from 'vitest';
import { classifyFailure } from '../../../src/api/classify-failure.ts';
import type { RequestInfo } from '../../../src/api/errors/pve-error.ts';
import type { TransportFailure, WireResponse } from '../../../src/api/transport.ts';
import { unwrap } from '../../../src/api/unwrap.ts';
import { answer, refused, reset } from './fake.ts';

const request: RequestInfo = { method: 'GET', path: '/version', doing: 'read /version' };
const fingerprint = Array.from({ length: 32 }, () => 'AB').join(':');

describe('unwrap', () => {
  it.each([
    ['an object', { a: 1 }],
    ['a list', []],
    ['null, as many writes answer', null],
    ['text', 'UPID:…'],
  ])('gives %s', (_, data) => {
    expect(unwrap(answer(data), request)).toEqual(data);
  });

  it.each<[string, Partial<WireResponse>, RegExp]>([
    [
      'a page',
      { body: '<!doctype html>', headers: { 'content-type': 'text/html' } },
      /no JSON but text\/html/,
    ],
    ['an empty body', { body: '' }, /no JSON but empty/],
    ['JSON of somebody else', { body: '{"status":"ok"}' }, /no 'data'/],
    ['a JSON list', { body: '[1]' }, /no 'data'/],
    ['JSON null', { body: 'null' }, /no 'data'/],
    ['a redirection', { status: 301, headers: { location: 'https://x/' } }, /redirects to https:\/\/x\//],
  ])('refuses %s', (_, part, message) => {
    expect(() => unwrap({ ...answer(null), ...part }, request)).toThrow(
      expect.objectContaining({ code: 'PVE_PROTOCOL', exitCode: 4, message: expect.stringMatching(message) }),
    );
  });

  it('gives the text of a task log that was asked for as a file, and of nothing else', () => {
    const text = { ...answer(null), body: 'TASK OK\n', headers: { 'content-type': 'text/plain' } };
    expect(unwrap(text, { ...request, path: '/nodes/pve1/tasks/UPID%3Ax/log' })).toBe('TASK OK\n');
    expect(() => unwrap(text, request)).toThrow(expect.objectContaining({ code: 'PVE_PROTOCOL' }));
  });
});

describe('classifyFailure', () => {
  const tls = (part: object): TransportFailure => ({ kind: 'tls', errno: 'X', reason: 'r', ...part });

  it.each<[string, TransportFailure, object]>([
    ['refused', refused, { code: 'PVE_CONNECTION', sent: 'no', errno: 'ECONNREFUSED' }],
    ['reset', reset, { code: 'PVE_CONNECTION', sent: 'maybe', hint: expect.stringContaining('task list') }],
    ['no HTTP', { kind: 'protocol', errno: 'HPE_INVALID_CONSTANT', reason: 'r' }, { code: 'PVE_PROTOCOL' }],
    [
      'an unknown certificate',
      tls({ errno: 'DEPTH_ZERO_SELF_SIGNED_CERT', reason: 'self-signed certificate', actual: fingerprint }),
      {
        code: 'PVE_TLS',
        actual: fingerprint,
        hint: expect.stringContaining(`PVEFLEET_FINGERPRINT=${fingerprint}`),
        message: `cannot read /version: the certificate of https://pve1:8006 is not trusted: self-signed certificate (SHA-256 fingerprint ${fingerprint})`,
      },
    ],
    [
      'another certificate than the pinned one',
      tls({ expected: ['AA'], actual: fingerprint }),
      { code: 'PVE_TLS', expected: ['AA'], actual: fingerprint, hint: expect.stringContaining('renewed') },
    ],
    ['no TLS', tls({ errno: 'ERR_SSL_WRONG_VERSION_NUMBER' }), { hint: expect.stringContaining('8006') }],
  ])('%s', (_, failure, want) => {
    expect(classifyFailure(failure, request, 'https://pve1:8006')).toMatchObject({ exitCode: 4, ...want });
  });

  it('thinks of a port that was left out', () => {
    expect(classifyFailure(refused, request, 'https://pve1').hint).toContain('try https://pve1:8006');
    expect(classifyFailure(refused, request, 'https://pve1:8006').hint).not.toContain('try');
  });
});
