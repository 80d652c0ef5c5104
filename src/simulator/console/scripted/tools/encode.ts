/** Programs that turn bytes into others: checksums, base64, od, gzip, dd. */
import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { linesOf } from './text-common.ts';
import { parseOptions, type Tool, type ToolContext, ToolError } from './tool.ts';

const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

async function contentOf(context: ToolContext, name: string): Promise<string> {
  const stream = context.open(name);
  try {
    return await context.readAll(stream);
  } finally {
    stream.release();
  }
}

function checksum(algorithm: string): Tool {
  const digest = (text: string): string => createHash(algorithm).update(bytesOf(text)).digest('hex');
  return {
    run: async (context) => {
      const { flags, rest } = parseOptions(context.args, 'cbtsw', { check: 'c', status: 's', quiet: 's' });
      let status = 0;
      for (const name of rest.length === 0 ? ['-'] : rest) {
        try {
          const text = await contentOf(context, name);
          if (!flags.has('c')) {
            await context.out(`${digest(text)}  ${name}\n`);
            continue;
          }
          for (const line of linesOf(text)) {
            const [, wanted = '', file = ''] = /^([0-9a-f]+) [ *](.*)$/.exec(line) ?? [];
            const isRight = digest(await contentOf(context, file)) === wanted;
            if (!isRight) status = 1;
            if (!flags.has('s')) await context.out(`${file}: ${isRight ? 'OK' : 'FAILED'}\n`);
          }
        } catch (error) {
          context.process.signal.throwIfAborted();
          await context.err(`${context.name}: ${(error as Error).message}\n`);
          status = 1;
        }
      }
      return status;
    },
  };
}

const base64: Tool = {
  run: async (context) => {
    const { flags, rest, value } = parseOptions(context.args, 'dDiw:', {
      decode: 'd',
      wrap: 'w',
      'ignore-garbage': 'i',
    });
    const text = await contentOf(context, rest[0] ?? '-');
    if (flags.has('d') || flags.has('D')) {
      const clean = text.replaceAll(/\s+/g, '');
      const isValid = /^[A-Za-z0-9+/]*={0,2}$/.test(clean);
      await context.out(textOf(Buffer.from(clean, 'base64')));
      if (!isValid && !flags.has('i')) throw new ToolError('invalid input');
      return 0;
    }
    const width = Number(value('w') ?? 76);
    const encoded = bytesOf(text).toString('base64');
    if (width === 0) await context.out(encoded);
    else {
      const lines: string[] = [];
      for (let at = 0; at < encoded.length; at += width) lines.push(`${encoded.slice(at, at + width)}\n`);
      await context.out(lines.join(''));
    }
    return 0;
  },
};

const bytesPerLine = 16;

const od: Tool = {
  run: async (context) => {
    const { rest, value } = parseOptions(context.args, 'A:t:vN:j:xbc');
    const radix = value('A') ?? 'o';
    const kind = value('t') ?? 'x1';
    const skip = Number(value('j') ?? 0);
    const limit = Number(value('N') ?? Number.POSITIVE_INFINITY);
    const text = (await contentOf(context, rest[0] ?? '-')).slice(skip, skip + limit);
    const offset = (at: number): string =>
      radix === 'n' ? '' : at.toString(radix === 'x' ? 16 : radix === 'd' ? 10 : 8).padStart(7, '0');
    const shown = (character: string): string => {
      const code = character.charCodeAt(0);
      if (kind.startsWith('u') || kind.startsWith('d')) return String(code).padStart(4);
      if (kind.startsWith('o')) return ` ${code.toString(8).padStart(3, '0')}`;
      if (kind.startsWith('c')) return character.padStart(4);
      return ` ${code.toString(16).padStart(2, '0')}`;
    };
    const lines: string[] = [];
    for (let at = 0; at < text.length; at += bytesPerLine)
      lines.push(
        `${offset(at)}${text
          .slice(at, at + bytesPerLine)
          .split('')
          .map(shown)
          .join('')}\n`,
      );
    if (radix !== 'n') lines.push(`${offset(text.length)}\n`);
    await context.out(lines.join(''));
    return 0;
  },
};

const hexdump: Tool = {
  run: async (context) => {
    const { flags, rest } = parseOptions(context.args, 'vCe:n:');
    const text = await contentOf(context, rest[0] ?? '-');
    if (!flags.has('C')) {
      await context.out(bytesOf(text).toString('hex'));
      return 0;
    }
    const lines: string[] = [];
    for (let at = 0; at < text.length; at += bytesPerLine) {
      const part = text.slice(at, at + bytesPerLine);
      const codes = part
        .split('')
        .map((character) => character.charCodeAt(0).toString(16).padStart(2, '0'))
        .join(' ');
      lines.push(
        `${at.toString(16).padStart(8, '0')}  ${codes.padEnd(47)}  |${part.replaceAll(/[^\x20-\x7e]/g, '.')}|\n`,
      );
    }
    await context.out(lines.join(''));
    return 0;
  },
};

/** gzip, gunzip and zcat. */
function gzip(isUnpacking: boolean, toOutput: boolean): Tool {
  return {
    run: async (context) => {
      const { flags, rest } = parseOptions(context.args, 'cdkfnqv123456789', {
        stdout: 'c',
        decompress: 'd',
        keep: 'k',
      });
      const unpacks = isUnpacking || flags.has('d');
      const convert = (text: string): string => {
        try {
          return textOf(unpacks ? gunzipSync(bytesOf(text)) : gzipSync(bytesOf(text)));
        } catch {
          throw new ToolError('not in gzip format');
        }
      };
      if (rest.length === 0 || toOutput || flags.has('c')) {
        for (const name of rest.length === 0 ? ['-'] : rest)
          await context.out(convert(await contentOf(context, name)));
        return 0;
      }
      for (const name of rest) {
        const path = context.path(name);
        const { mode } = context.files.get(path) ?? { mode: 0o644 };
        const target = unpacks ? path.replace(/\.gz$/, '') : `${path}.gz`;
        const file = context.files.edit(target, mode);
        file.data = convert(context.files.read(path));
        if (!flags.has('k')) context.files.remove(path);
      }
      return 0;
    },
  };
}

const units: Readonly<Record<string, number>> = {
  c: 1,
  w: 2,
  b: 512,
  k: 1024,
  K: 1024,
  kB: 1000,
  M: 1024 ** 2,
  MB: 1_000_000,
  G: 1024 ** 3,
};

function sizeOf(text: string | undefined, fallback: number): number {
  const [, digits, unit = ''] = /^([0-9]+)([a-zA-Z]*)$/.exec(text ?? '') ?? [];
  return digits === undefined ? fallback : Number(digits) * (unit === '' ? 1 : (units[unit] ?? 1));
}

const dd: Tool = {
  run: async (context) => {
    const operands = new Map(
      context.args.map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]),
    );
    const { signal } = context.process;
    const blockSize = sizeOf(operands.get('bs') ?? operands.get('ibs'), 512);
    const count = operands.has('count') ? sizeOf(operands.get('count'), 0) : Number.POSITIVE_INFINITY;
    const input = context.open(operands.get('if') ?? '-');
    const skip = sizeOf(operands.get('skip'), 0) * blockSize;
    for (let left = skip; left > 0; ) {
      const text = await input.read(left, signal);
      if (text === '') break;
      left -= text.length;
    }
    const target = operands.get('of');
    const isPart = (operands.get('conv') ?? '').includes('notrunc') || operands.has('seek');
    const chunks: string[] = [];
    const output = target === undefined || isPart ? undefined : context.open(target, '>');
    let blocks = 0;
    let bytes = 0;
    while (blocks < count) {
      const text = await input.read(blockSize, signal);
      if (text === '') break;
      blocks += 1;
      bytes += text.length;
      if (target === undefined) await context.out(text);
      else if (output) await output.write(text, signal);
      else chunks.push(text);
    }
    input.release();
    output?.release();
    if (target !== undefined && isPart) {
      const at = sizeOf(operands.get('seek'), 0) * blockSize;
      const file = context.files.edit(context.path(target), 0o644);
      const data = (file.data ?? '').padEnd(at, '\0');
      const text = chunks.join('');
      file.data = data.slice(0, at) + text + data.slice(at + text.length);
    }
    if (operands.get('status') !== 'none') {
      const whole = Math.floor(bytes / blockSize);
      const records = `${whole}+${blocks - whole} records`;
      await context.err(`${records} in\n${records} out\n${bytes} bytes copied\n`);
    }
    return 0;
  },
};

export const encodeTools: Readonly<Record<string, Tool>> = {
  base64,
  dd,
  gunzip: gzip(true, false),
  gzip: gzip(false, false),
  hexdump,
  md5sum: checksum('md5'),
  od,
  sha1sum: checksum('sha1'),
  sha256sum: checksum('sha256'),
  sha512sum: checksum('sha512'),
  zcat: gzip(true, true),
};
