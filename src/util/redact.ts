/** Masks secrets before anything is shown, logged or written. */

const mask = '********';
const sensitiveKeys = new Set([
  'password',
  'otp',
  'ticket',
  'csrfpreventiontoken',
  'authorization',
  'cookie',
  'secret',
  'tokensecret',
  'token-secret',
  'vncticket',
  'tfa-challenge',
  'apitoken',
]);

/**
 * Tells whether a parameter or header of this name holds a secret.
 *
 * @param name - parameter, header or property name; case does not matter.
 * @returns whether its value must never be shown.
 */
export function isSensitiveKey(name: string): boolean {
  return sensitiveKeys.has(name.toLowerCase());
}

/**
 * Masks tickets, token secrets and passwords inside free text.
 *
 * @param text - any text that may quote a request.
 * @returns the text with secrets replaced by asterisks.
 */
export function redactText(text: string): string {
  return text
    .replaceAll(/(PVEAPIToken[= ][^\s=!]+![^\s=]+=)[^\s;,"']+/g, `$1${mask}`)
    .replaceAll(/(PVEAuthCookie=)[^\s;,"']+/g, `$1${mask}`)
    .replaceAll(/(PVE(?:VNC)?:)[^\s:]*:[0-9A-F]{8}::[A-Za-z0-9+/=]+/g, `$1${mask}`)
    .replaceAll(/\b((?:password|otp|vncticket|ticket|secret|tfa-challenge)=)[^\s&;,"']+/gi, `$1${mask}`);
}

/**
 * Masks secrets in a JSON-like value by key.
 *
 * @param value - any value.
 * @returns a copy in which the values of sensitive keys are asterisks.
 */
export function redactValue<T>(value: T): T {
  if (Array.isArray(value)) return value.map((item: unknown) => redactValue(item)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      key,
      isSensitiveKey(key) && typeof member === 'string' ? mask : redactValue(member),
    ]),
  ) as T;
}
