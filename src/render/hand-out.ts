/** What a student is given on paper or by mail: address, login, password and console. Holds a password: mode 0600 only. */
import type { SheetRow } from '../spec/sheet.ts';
import { markdownCell } from './markdown.ts';

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escapeHtml = (text: string): string => text.replaceAll(/[&<>"']/g, (char) => escapes[char] ?? char);

/** User and realm, which the login form asks for apart. */
function loginOf(userid: string): readonly [user: string, realm: string] {
  const at = userid.lastIndexOf('@');
  return [userid.slice(0, at), userid.slice(at + 1)];
}

const realmNames: Readonly<Record<string, string>> = {
  pve: 'Proxmox VE authentication server',
  pam: 'Linux PAM standard authentication',
};

interface Line {
  readonly title: string;
  readonly text: string;
  /** A value to be typed as it is. */
  readonly isCode?: true;
  readonly link?: string;
}

function linesOf({ userid, password, url, containers, addresses, consoles }: SheetRow): Line[] {
  const [user, realm] = loginOf(userid);
  return [
    { title: 'Web page', text: url, link: url },
    { title: 'User name', text: user, isCode: true },
    { title: 'Password', text: password, isCode: true },
    { title: 'Realm', text: realmNames[realm] ?? realm },
    ...containers.map((text): Line => ({ title: 'Container', text })),
    ...addresses.map((text): Line => ({ title: 'Address', text, isCode: true })),
    ...consoles.map((link): Line => ({ title: 'Console (after the login)', text: link, link })),
  ];
}

const titleOf = ({ name, login, group }: SheetRow): string =>
  `${name === '' ? login : name}${group === '' ? '' : `, group ${group}`}`;

/**
 * Renders a hand-out as Markdown.
 *
 * @param row - line of the sheet.
 * @param fleet - name of the class.
 * @returns text that ends with a newline.
 */
export function renderHandOutMarkdown(row: SheetRow, fleet: string): string {
  const lines = linesOf(row).map(({ title, text, isCode, link }) => {
    const value = isCode ? `\`${text}\`` : link === undefined ? markdownCell(text) : `<${link}>`;
    return `| ${title} | ${value} |`;
  });
  return `# ${markdownCell(fleet)}: ${markdownCell(titleOf(row))}\n\n| | |\n|---|---|\n${lines.join('\n')}\n`;
}

const css =
  'body{font:1rem/1.5 system-ui,sans-serif;max-width:42rem;margin:2rem auto;padding:0 1rem}' +
  'th{text-align:left;padding:.3rem 1.5rem .3rem 0;vertical-align:top;font-weight:600}td{padding:.3rem 0;word-break:break-all}' +
  'code{font-size:1.1em}';

/**
 * Renders a hand-out as a page that stands alone and loads nothing.
 *
 * @param row - line of the sheet.
 * @param fleet - name of the class.
 * @returns HTML that ends with a newline.
 */
export function renderHandOutHtml(row: SheetRow, fleet: string): string {
  const title = escapeHtml(`${fleet}: ${titleOf(row)}`);
  const rows = linesOf(row).map(({ title: head, text, isCode, link }) => {
    const shown = escapeHtml(text);
    const value = isCode
      ? `<code>${shown}</code>`
      : link === undefined
        ? shown
        : `<a href="${escapeHtml(link)}">${shown}</a>`;
    return `<tr><th>${escapeHtml(head)}</th><td>${value}</td></tr>`;
  });
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="robots" content="noindex"><title>${title}</title><style>${css}</style></head>
<body>
<h1>${title}</h1>
<table>
${rows.join('\n')}
</table>
</body>
</html>
`;
}
