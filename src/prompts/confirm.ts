/** Asking for permission. Destructions want a name typed, not just a key pressed. */
import type { Prompts } from './io.ts';

/**
 * Asks an ordinary yes-or-no question.
 *
 * @param prompts - the terminal.
 * @param message - the question.
 * @param preset - the answer of a bare Enter.
 * @returns the answer.
 */
export function askConfirmation(prompts: Prompts, message: string, preset = false): Promise<boolean> {
  return prompts.confirm({ message, default: preset });
}

/**
 * Asks to type a name (or a count) before something is destroyed.
 *
 * @param prompts - the terminal.
 * @param what - what will be destroyed, for the question.
 * @param name - what must be typed.
 * @returns whether it was typed; an empty answer is a no.
 */
export async function askToType(prompts: Prompts, what: string, name: string): Promise<boolean> {
  const answer = await prompts.text({
    message: `${what} Type ${name} to go on, nothing to stop:`,
    validate: (text) => text === '' || text === name || `That is not ${name}.`,
  });
  return answer === name;
}
