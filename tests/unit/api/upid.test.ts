import { describe, expect, it } from 'vitest';
import { isUpid, parseUpid } from '../../../src/codec/upid.ts';

describe('parseUpid', () => {
  it('takes an identifier apart', () => {
    expect(parseUpid('UPID:pve1:0001A2B3:00C0FFEE:6B0464E9:vzcreate:101:root@pam:')).toEqual({
      node: 'pve1',
      pid: 0x1a2b3,
      pstart: 0xc0ffee,
      starttime: 0x6b0464e9,
      type: 'vzcreate',
      id: '101',
      user: 'root@pam',
    });
  });

  it.each([
    [
      'nine digits of pstart',
      'UPID:pve1:0001A2B3:10C0FFEE0:6B0464E9:vzstart:101:root@pam:',
      { pstart: 0x10c0ffee0 },
    ],
    ['an empty id', 'UPID:pve1:0001A2B3:00C0FFEE:6B0464E9:startall::root@pam:', { id: '' }],
    ['a token as user', 'UPID:n-1:0001A2B3:00C0FFEE:6B0464E9:imgdel:101@local:a@pve!t:', { user: 'a@pve!t' }],
  ])('accepts %s', (_, text, part) => {
    expect(parseUpid(text)).toMatchObject(part);
  });

  it.each([
    ['nothing', ''],
    ['another word', 'OK'],
    ['a missing end', 'UPID:pve1:0001A2B3:00C0FFEE:6B0464E9:vzcreate:101:root@pam'],
    ['seven digits', 'UPID:pve1:001A2B3:00C0FFEE:6B0464E9:vzcreate:101:root@pam:'],
    ['a node that is none', 'UPID:pve_1:0001A2B3:00C0FFEE:6B0464E9:vzcreate:101:root@pam:'],
    ['a slash', 'UPID:pve1:0001A2B3:00C0FFEE:6B0464E9:vz/create:101:root@pam:'],
    ['text around it', ' UPID:pve1:0001A2B3:00C0FFEE:6B0464E9:vzcreate:101:root@pam:'],
  ])('refuses %s', (_, text) => {
    expect(parseUpid(text)).toBeUndefined();
    expect(isUpid(text)).toBe(false);
  });

  it('isUpid looks at results of any type', () => {
    expect(isUpid('UPID:pve1:0001A2B3:00C0FFEE:6B0464E9:vzcreate:101:root@pam:')).toBe(true);
    for (const value of [null, undefined, 5, {}, []]) expect(isUpid(value)).toBe(false);
  });
});
