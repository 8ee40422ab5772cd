// A command that waits until the running cell ends. Meanwhile, the user can choose another command.

import { h, visible } from "./dom.js";

/** @import { Switching } from "./messages.js" */

/** The texts that say what will happen. */
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
   * Show a waiting command; return the text.
   *
   * @param {Switching} command
   * @param {string} target  the command's profile
   */
  show(command, target) {
    this.waiting = { command, target };
    this.element.textContent = THEN[command.type](visible(target));
    this.element.hidden = false;
    return this.element.textContent;
  }

  /** Show that no command is waiting; return the command that was waiting, or null. */
  end() {
    const { waiting } = this;
    this.waiting = null;
    this.element.hidden = true;
    return waiting;
  }
}
