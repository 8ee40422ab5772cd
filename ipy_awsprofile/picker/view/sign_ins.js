// Buttons below the list of profiles for the sign-ins with roles to list. Opening the list alone
// never prompts for a sign-in.

import { h } from "./dom.js";

const TITLE = "List the accounts and roles that are assigned to you in IAM Identity Center; signs you in if necessary";

/** @param {string} listed  when the roles were listed, in ISO 8601 */
const timeOf = (listed) => new Date(listed).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

export class SignIns {
  /** @param {(sso: string, fresh: boolean) => void} list  called when the user wants to list the roles of a sign-in */
  constructor(list) {
    this.list = list;
    this.element = h("div", { class: "ipyap-sign-ins", hidden: true });
  }

  /**
   * Offer to list the roles of these sign-ins, or to list them again.
   *
   * @param {string[]} names  of [sso-session] sections
   * @param {Record<string, string>} listedAt  when the roles of the other sign-ins were listed
   */
  offer(names, listedAt) {
    const listed = Object.entries(listedAt);
    this.element.hidden = !names.length && !listed.length;
    this.element.replaceChildren(
      ...names.map((name) => this.button(`List the roles of ${name}`, name, false)),
      ...listed.map(([name, time]) => this.button(`Refresh the roles of ${name}, listed at ${timeOf(time)}`, name, true)),
    );
  }

  /**
   * @param {string} text
   * @param {string} name
   * @param {boolean} fresh
   */
  button(text, name, fresh) {
    const attributes = { class: "ipyap-button", type: "button", title: TITLE };
    return h("button", { ...attributes, onclick: () => this.list(name, fresh) }, text);
  }
}
