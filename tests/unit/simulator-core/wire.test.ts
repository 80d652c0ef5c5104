import { describe, expect, test } from 'vitest';
import { readCredentials } from '../../../src/simulator/wire/authorization.ts';
import { decodeForm, decodeJson, percentDecode } from '../../../src/simulator/wire/form.ts';
import { decodeMultipart } from '../../../src/simulator/wire/multipart.ts';
import { parseTarget } from '../../../src/simulator/wire/target.ts';

describe('form bodies', () => {
  test.each<[name: string, given: string, want: Record<string, unknown>]>([
    ['& and ; separate', 'a=1&b=2;c=3', { a: '1', b: '2', c: '3' }],
    ['what follows a second = is cut', 'a=b=c', { a: 'b' }],
    ['key= is the empty text', 'a=', { a: '' }],
    ['a key without = has no value', 'a&b=1', { a: undefined, b: '1' }],
    ['a repeated key is a list', 'a=1&a=2&a=3', { a: ['1', '2', '3'] }],
    ['+ is a blank, %2B a plus', 'a=x+y%2Bz', { a: 'x y+z' }],
    ['UTF-8 is decoded', 'a=%E2%9C%93&b=na%C3%AFve', { a: '✓', b: 'naïve' }],
    ['an encoded separator belongs to the value', 'a=1%3B2%263%3D4', { a: '1;2&3=4' }],
    ['a percent sign that begins no escape stays', 'a=100%&b=%zz', { a: '100%', b: '%zz' }],
    ['nothing', '', {}],
    ['a key of Object.prototype is a key like others', 'constructor=1', { constructor: '1' }],
  ])('%s', (_, given, want) => {
    expect({ ...decodeForm(given) }).toEqual(want);
  });

  test('escapes of several bytes may be broken up by text', () => {
    expect(percentDecode('/a%2Fb/%63onfig')).toBe('/a/b/config');
  });
});

describe('JSON bodies', () => {
  test('keeps types', () => {
    expect({ ...decodeJson('{"a":1,"b":true,"c":["x"],"d":null}') }).toEqual({
      a: 1,
      b: true,
      c: ['x'],
      d: null,
    });
  });
  test.each([
    ['{bad', 'malformed JSON string'],
    ['[1]', 'Not a HASH reference'],
    ['null', 'Not a HASH reference'],
  ])('refuses %s', (given, want) => {
    expect(() => decodeJson(given)).toThrow(want);
  });
});

describe('multipart bodies', () => {
  const type = 'multipart/form-data; boundary=xyz';
  const text = 'Content-Disposition: form-data; name="content"\r\n\r\nvztmpl';
  const file = 'Content-Disposition: form-data; name="filename"; filename="a.tar.zst"\r\n\r\n\x00\x01--\r\n';
  const bodyOf = (...parts: string[]): Uint8Array =>
    new Uint8Array(
      Buffer.from(`${parts.map((part) => `--xyz\r\n${part}\r\n`).join('')}--xyz--\r\n`, 'latin1'),
    );

  test('gives the parts before the file, and the file byte by byte', () => {
    const { fields, file: found } = decodeMultipart(type, bodyOf(text, file));
    expect(fields).toEqual({ content: 'vztmpl' });
    expect(found?.filename).toBe('a.tar.zst');
    expect([...(found?.bytes ?? [])]).toEqual([0, 1, 45, 45, 13, 10]);
  });
  test('does not see what follows the file', () => {
    expect(decodeMultipart(type, bodyOf(file, text)).fields).toEqual({});
  });
  test('refuses a body that does not fit its boundary', () => {
    expect(() => decodeMultipart('multipart/form-data; boundary=other', bodyOf(text))).toThrow('boundary');
  });
});

describe('credentials', () => {
  test.each<[name: string, headers: Record<string, string>, want: ReturnType<typeof readCredentials>]>([
    ['a cookie', { cookie: 'a=b; PVEAuthCookie=PVE%3Aroot%40pam; c=d' }, { ticket: 'PVE:root@pam' }],
    ['a ticket in the header', { authorization: 'PVEAuthCookie=x' }, { ticket: 'x' }],
    ['a token', { authorization: 'PVEAPIToken=u@r!t=s' }, { apiToken: 'u@r!t=s' }],
    ['a token after a blank', { authorization: 'PVEAPIToken u@r!t=s' }, { apiToken: 'u@r!t=s' }],
    [
      'a cookie beside a token',
      { cookie: 'PVEAuthCookie=x', authorization: 'PVEAPIToken=y' },
      { ticket: 'x' },
    ],
    [
      'an empty cookie beside a token',
      { cookie: 'PVEAuthCookie=', authorization: 'PVEAPIToken=y' },
      { apiToken: 'y' },
    ],
    ['another scheme', { authorization: 'Bearer x' }, {}],
    ['the CSRF header', { csrfpreventiontoken: 'z' }, { csrfToken: 'z' }],
  ])('%s', (_, headers, want) => {
    expect(readCredentials(new Headers(headers))).toEqual(want);
  });
});

describe('paths', () => {
  test.each<[given: string, want: object]>([
    [
      '/api2/json/nodes//pve1/',
      { kind: 'api', format: 'json', path: '/nodes/pve1', segments: ['nodes', 'pve1'] },
    ],
    ['/api2/json/a%2Fb', { kind: 'api', format: 'json', path: '/a/b', segments: ['a', 'b'] }],
    ['/api2/json', { kind: 'api', format: 'json', path: '/', segments: [] }],
    ['/api2/extjs/version', { kind: 'api', format: 'extjs', path: '/version', segments: ['version'] }],
    ['/api2', { kind: 'refused', answer: { status: 501, reason: 'no such uri' } }],
    ['/favicon.ico', { kind: 'refused', answer: { status: 500, reason: "no such file '/favicon.ico'" } }],
  ])('%s', (given, want) => {
    expect(parseTarget(given)).toMatchObject(want);
  });
});
