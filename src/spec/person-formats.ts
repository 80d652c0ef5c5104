/** Formats of the columns of a roster that are about a person. */
import { slug } from '../util/slug.ts';
import type { Problem } from './findings.ts';
import type { TextCheck } from './formats.ts';
import type { ValueCheck } from './values.ts';

const one = (problem: Problem | undefined): readonly Problem[] => (problem ? [problem] : []);

export const checkPerson: TextCheck = (text) => {
  if (text.includes('\uFFFD'))
    return {
      code: 'SPEC_VALUE',
      message: `'${text}' has letters that cannot be read`,
      hint: 'save the roster as UTF-8',
    };
  return /[\0-\x1f\x7f]/.test(text) || text.length > 200
    ? { code: 'SPEC_VALUE', message: `'${text}' is not a name`, hint: 'one line, at most 200 characters' }
    : undefined;
};

const checkLogin: TextCheck = (text) => {
  if (/^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,38}[A-Za-z0-9])?$/.test(text)) return undefined;
  const guess = slug(text).slice(0, 40);
  return {
    code: 'SPEC_NAME',
    message: `'${text}' is not a valid login`,
    hint:
      guess === '' || guess === text
        ? 'use at most 40 letters, digits, - _ and .'
        : `did you mean '${guess}'?`,
  };
};

/** `login`: in YAML a number stands for its digits. */
export const loginValue: ValueCheck = (value) =>
  typeof value === 'string' || Number.isInteger(value)
    ? one(checkLogin(String(value)))
    : [{ expected: 'text' }];

/**
 * Checks the name of a group.
 *
 * @returns the problem, or nothing; what is left of it must make a tag.
 */
export const checkGroup: TextCheck = (text) =>
  slug(text) === '' || text.length > 60
    ? {
        code: 'SPEC_NAME',
        message: `'${text}' is not a valid name of a group`,
        hint: 'use letters and digits, at most 60',
      }
    : checkPerson(text);

export const groupValue: ValueCheck = (value) =>
  typeof value === 'string' || Number.isInteger(value)
    ? one(checkGroup(String(value)))
    : [{ expected: 'text' }];

export const checkEmail: TextCheck = (text) =>
  /^[^\s@<>"'(),;:\\]+@[^\s@<>"'(),;:\\.]+(?:\.[^\s@<>"'(),;:\\.]+)+$/.test(text)
    ? undefined
    : { code: 'SPEC_VALUE', message: `'${text}' is not an e-mail address` };
