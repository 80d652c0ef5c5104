/**
 * Takes the clearing of the screen off the beginning of a console's output. Pure. PVE: dtach clears whenever somebody
 * attaches, which would wipe away how to leave, and what was on the terminal before.
 */

const clear = new TextEncoder().encode('\x1b[H\x1b[J');

/**
 * Builds the filter.
 *
 * @returns a function that takes the next bytes and gives those to show; bytes are held back only while they may still
 *   turn out to be the clearing.
 */
export function withoutFirstClear(): (bytes: Uint8Array) => Uint8Array {
  let held: Uint8Array | undefined = new Uint8Array();
  return (bytes) => {
    if (!held) return bytes;
    const begun = Uint8Array.from([...held, ...bytes.subarray(0, clear.length)]);
    const rest = bytes.subarray(clear.length);
    const fits = clear.every((byte, at) => at >= begun.length || begun[at] === byte);
    if (fits && begun.length < clear.length) {
      held = begun;
      return new Uint8Array();
    }
    held = undefined;
    return Uint8Array.from([...(fits ? begun.subarray(clear.length) : begun), ...rest]);
  };
}
