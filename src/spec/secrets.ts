/** The syntax of references to secrets. Looking one up is the engine's business; no value ever passes through here. */
import type { Problem } from './findings.ts';

const kinds = ['env', 'file', 'command'];

/** How to write a reference; for hints. */
const referenceHint: string = `write a reference: \${env:NAME}, \${file:PATH} or \${command:PROGRAM ARG …}`;

/**
 * Reads a reference such as `${env:STUDENT_PASSWORD}`.
 *
 * @param text - the whole value of a key.
 * @returns the reference without its brackets, for example `env:STUDENT_PASSWORD`, or `undefined` when the text is none.
 */
export function secretReference(text: string): string | undefined {
  const [, kind = '', target = ''] = /^\$\{([a-z]+):([^}]+)\}$/.exec(text) ?? [];
  if (!kinds.includes(kind) || target.trim() !== target) return undefined;
  return kind !== 'env' || /^[A-Za-z_]\w*$/.test(target) ? `${kind}:${target}` : undefined;
}

/**
 * Writes a reference back.
 *
 * @param reference - for example `env:STUDENT_PASSWORD`.
 * @returns for example `${env:STUDENT_PASSWORD}`.
 */
export function formatReference(reference: string): string {
  return `\${${reference}}`;
}

/**
 * Checks a value that must be a reference. The message never quotes the value: it may be the secret itself.
 *
 * @param text - the value.
 * @param key - its key, for the message.
 * @returns the problem, or `undefined`.
 */
export function checkReference(text: string, key: string): Problem | undefined {
  if (secretReference(text) !== undefined) return undefined;
  return text.startsWith('${')
    ? {
        code: 'SPEC_SECRET',
        message: `'${key}' is no valid reference to a secret`,
        hint: referenceHint,
      }
    : { code: 'SPEC_SECRET', message: `'${key}' must not be written into the file`, hint: referenceHint };
}
