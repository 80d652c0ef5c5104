/** How a script leaves what it is in. Thrown by builtins, caught by the interpreter. */

/** Leaves loops, or goes on with their next turn. */
export class LoopJump extends Error {
  readonly isBreak: boolean;
  levels: number;
  constructor(isBreak: boolean, levels: number) {
    super('loop');
    this.isBreak = isBreak;
    this.levels = levels;
  }
}

/** Leaves a function or a sourced file. */
export class ReturnJump extends Error {
  readonly status: number;
  constructor(status: number) {
    super('return');
    this.status = status;
  }
}

/** Leaves the shell. */
export class ExitJump extends Error {
  readonly status: number;
  constructor(status: number) {
    super('exit');
    this.status = status;
  }
}
