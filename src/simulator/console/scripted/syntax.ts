/** The tree of a shell script. Data only; bytes are Latin-1 characters. */

/** A piece of a word. */
export type Part =
  | { readonly kind: 'text'; readonly text: string; readonly quoted: boolean }
  | {
      readonly kind: 'parameter';
      readonly name: string;
      /** `-`, `=`, `?`, `+`, `%`, `%%`, `#`, `##`; with a colon in front where unset and empty are alike. */
      readonly operator?: string;
      readonly argument?: Word;
      /** `${#name}`. */
      readonly isLength: boolean;
      readonly quoted: boolean;
    }
  | { readonly kind: 'command'; readonly body: Node; readonly quoted: boolean }
  | { readonly kind: 'arithmetic'; readonly expression: Word; readonly quoted: boolean };

export type Word = readonly Part[];

export interface Redirect {
  readonly fd: number;
  readonly operator: '<' | '>' | '>>' | '>|' | '<>' | '<&' | '>&' | '<<';
  /** Target; of a here-document its text. */
  readonly word: Word;
}

export interface ListItem {
  readonly node: Node;
  readonly background: boolean;
}

export type Node =
  | {
      readonly kind: 'simple';
      readonly assignments: readonly (readonly [name: string, value: Word])[];
      readonly words: readonly Word[];
      readonly redirects: readonly Redirect[];
    }
  | { readonly kind: 'pipe'; readonly commands: readonly Node[]; readonly negated: boolean }
  | { readonly kind: 'and' | 'or'; readonly left: Node; readonly right: Node }
  | { readonly kind: 'list'; readonly items: readonly ListItem[] }
  | {
      readonly kind: 'if';
      readonly branches: readonly (readonly [condition: Node, body: Node])[];
      readonly otherwise?: Node;
    }
  | { readonly kind: 'loop'; readonly until: boolean; readonly condition: Node; readonly body: Node }
  | { readonly kind: 'for'; readonly name: string; readonly words?: readonly Word[]; readonly body: Node }
  | {
      readonly kind: 'case';
      readonly word: Word;
      readonly arms: readonly { readonly patterns: readonly Word[]; readonly body: Node }[];
    }
  | { readonly kind: 'group' | 'subshell'; readonly body: Node }
  | { readonly kind: 'function'; readonly name: string; readonly body: Node }
  | { readonly kind: 'redirected'; readonly node: Node; readonly redirects: readonly Redirect[] };

/** A script that is wrong. */
export class SyntaxProblem extends Error {}

/** A script that goes on beyond its end. */
export class Incomplete extends SyntaxProblem {
  constructor() {
    super('Syntax error: end of file unexpected');
  }
}
