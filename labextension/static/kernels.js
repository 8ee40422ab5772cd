// The links to the kernels of all open notebooks.
//
// Several views of one notebook share a session. If several notebooks share a kernel, JupyterLab
// lets only one connection receive comms, and the other notebooks use its link.

import { Link } from "./link.js";

/** @import { SessionContext } from "../jupyterlab.d.ts" */

export class Kernels {
  constructor() {
    /** @type {Map<SessionContext, Link>} */
    this.links = new Map();
    /** @type {Set<() => void>} functions to call after a change of any link */
    this.listeners = new Set();
  }

  /**
   * Start following the kernel of a session.
   *
   * @param {SessionContext} session
   */
  follow(session) {
    if (this.links.has(session)) return;
    const link = new Link(session, () => this.changed());
    this.links.set(session, link);
    session.disposed.connect(() => {
      this.links.delete(session);
      link.end();
      this.changed();
    });
  }

  /**
   * Return the link to a session's kernel.
   *
   * @param {SessionContext} session
   */
  linkOf(session) {
    const own = this.links.get(session);
    const kernel = own?.kernel;
    if (!kernel || kernel.handleComms) return own;
    const others = [...this.links.values()];
    return others.find((one) => one.kernel?.id === kernel.id && one.kernel.handleComms) ?? own;
  }

  changed() {
    for (const listener of this.listeners) listener();
  }
}
