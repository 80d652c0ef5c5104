import { describe, expect, it } from 'vitest';
import { normaliseFingerprint, parseBaseUrl, parseFingerprints } from '../../../src/api/trust.ts';

describe('parseBaseUrl', () => {
  it.each([
    ['https://pve1:8006', 'https://pve1:8006'],
    [' https://pve1:8006/ ', 'https://pve1:8006'],
    ['https://PVE1.Example:8006/api2/json/', 'https://pve1.example:8006'],
    ['https://proxy.example/pve', 'https://proxy.example/pve'],
    ['https://[2001:db8::1]:8006', 'https://[2001:db8::1]:8006'],
    ['http://127.0.0.1:8085', 'http://127.0.0.1:8085'],
    ['http://127.8.9.1', 'http://127.8.9.1'],
    ['http://localhost:8085/', 'http://localhost:8085'],
    ['http://[::1]:8085', 'http://[::1]:8085'],
  ])('%s', (given, want) => {
    expect(parseBaseUrl(given)).toBe(want);
  });

  it.each([
    ['', 'URL_INVALID'],
    ['pve1:8006', 'URL_INVALID'],
    ['ftp://pve1', 'URL_INVALID'],
    ['https://', 'URL_INVALID'],
    ['https://root:secret@pve1:8006', 'URL_INVALID'],
    ['https://pve1:8006/?a=b', 'URL_INVALID'],
    ['http://pve1:8006', 'URL_INSECURE'],
    ['http://10.0.0.1:8006', 'URL_INSECURE'],
    ['http://localhost.example:8006', 'URL_INSECURE'],
    ['http://127.0.0.1.example:8006', 'URL_INSECURE'],
    ['http://0.0.0.0:8006', 'URL_INSECURE'],
  ])('%s is refused', (given, code) => {
    expect(() => parseBaseUrl(given)).toThrow(
      expect.objectContaining({ code, message: expect.not.stringContaining('secret') }),
    );
  });

  it.each([
    ['pve1', 'here https://pve1:8006'],
    ['pve1:8006', 'here https://pve1:8006'],
    ['what is this', 'write it as https://HOST:8006'],
  ])('tells how %s is meant', (given, hint) => {
    expect(() => parseBaseUrl(given)).toThrow(
      expect.objectContaining({ hint: expect.stringContaining(hint) }),
    );
  });
});

describe('fingerprints', () => {
  const plain = 'ab'.repeat(32);
  const normal = Array.from({ length: 32 }, () => 'AB').join(':');

  it.each([
    ['as Proxmox VE shows it', normal, normal],
    ['in lower case', normal.toLowerCase(), normal],
    ['without colons', plain, normal],
    ['as openssl prints it', `sha256 Fingerprint=${normal}`, normal],
    ['with a prefix', `SHA256:${plain}`, normal],
    ['SHA-1', normal.slice(0, 59), undefined],
    ['too long', `${normal}:AB`, undefined],
    ['other letters', normal.replace('AB', 'XY'), undefined],
    ['nothing', '', undefined],
  ])('%s', (_, given, want) => {
    expect(normaliseFingerprint(given)).toBe(want);
  });

  it('several are separated by commas; none is none', () => {
    expect(parseFingerprints(`${plain}, ${normal}`)).toEqual([normal, normal]);
    expect(parseFingerprints(undefined)).toEqual([]);
    expect(parseFingerprints('')).toEqual([]);
  });
});
