// While Python runs a command, the picker says so, and doesn't accept another command.

/** @import { SearchField } from "./search_field.js" */
/** @import { ProgressMessage, RolesCommand, Switching } from "./messages.js" */

const SLOW = 3000; // milliseconds until a wait is explained
const LOST = 30_000; // milliseconds until the kernel may have lost the command

const DOING = {
  switch: "switching",
  region: "switching",
  refresh: "refreshing",
  save: "saving",
  off: "undoing the switch",
  roles: "listing the roles",
};

export class Wait {
  /**
   * @param {HTMLElement} root
   * @param {HTMLElement} live
   * @param {SearchField} field
   */
  constructor(root, live, field) {
    this.root = root;
    this.live = live;
    this.field = field;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.slow = undefined;
  }

  /**
   * Show that a command is running; return this as a sentence.
   *
   * @param {(Switching | RolesCommand)["type"]} type
   */
  begin(type) {
    const doing = DOING[type];
    this.field.showWait(`${doing} …`);
    this.root.classList.add("ipyap-busy");
    this.live.setAttribute("aria-busy", "true");
    this.slow = setTimeout(() => {
      this.field.showWait("waiting for the kernel and AWS …");
      this.slow = setTimeout(() => this.field.showWait("no response yet: after a restart, run this cell again"), LOST);
    }, SLOW);
    return `${doing[0].toUpperCase()}${doing.slice(1)}.`;
  }

  /**
   * Show how many accounts are listed.
   *
   * @param {ProgressMessage} progress
   */
  progress({ listed, accounts }) {
    clearTimeout(this.slow);
    const counts = `roles of ${listed.toLocaleString("en")} of ${accounts.toLocaleString("en")} accounts`;
    this.field.showWait(`${counts} …`);
  }

  end() {
    clearTimeout(this.slow);
    this.field.showWait("");
    this.root.classList.remove("ipyap-busy");
    this.live.removeAttribute("aria-busy");
  }
}
