// A command that waits until the running cell has ended. Meanwhile the person can choose another one.

import { h } from "./dom.js";

/** @import { Switching } from "./messages.js" */

/** What is going to happen. */
const THEN = {
  switch: (/** @type {string} */ profile) => `Switches to ${profile} when the running cell ends.`,
  region: () => "Changes the Region when the running cell ends.",
  save: (/** @type {string} */ profile) => `Switches to ${profile} when the running cell ends.`,
  refresh: () => "Gets new credentials when the running cell ends.",
  off: () => "Undoes the switch when the running cell ends.",
};

export class CellWait {
  constructor() {
    /** @type {{command: Switching, target: string} | null} */
    this.waiting = null;
    this.element = h("div", { class: "ipyap-then", hidden: true });
  }

  /**
   * Show a command that waits; return the text.
   *
   * @param {Switching} command
   * @param {string} target  the profile that it is about
   */
  show(command, target) {
    this.waiting = { command, target };
    this.element.textContent = THEN[command.type](target);
    this.element.hidden = false;
    return this.element.textContent;
  }

  /** Show that none waits; return the one that did, or null. */
  end() {
    const { waiting } = this;
    this.waiting = null;
    this.element.hidden = true;
    return waiting;
  }
}
