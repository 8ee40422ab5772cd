// The sign-ins whose roles can be listed, as buttons below the list of profiles: opening the list
// alone asks nobody.

import { h } from "./dom.js";

const TITLE = "Ask IAM Identity Center for the accounts and roles that you may use; sign in first if need be";

export class SignIns {
  /** @param {(sso: string) => void} list  called when the person wants the roles of a sign-in */
  constructor(list) {
    this.list = list;
    this.element = h("div", { class: "ipyap-sign-ins", hidden: true });
  }

  /**
   * Offer to list the roles of these sign-ins.
   *
   * @param {string[]} names  of [sso-session] sections
   */
  offer(names) {
    this.element.hidden = !names.length;
    this.element.replaceChildren(
      ...names.map((name) => {
        const attributes = { class: "ipyap-button", type: "button", title: TITLE };
        return h("button", { ...attributes, onclick: () => this.list(name) }, `List the roles of ${name}`);
      }),
    );
  }
}
