// The identity that the notebook works as, with a countdown that needs no kernel.

import { h, icon } from "./dom.js";

/** @import { ShownIdentity } from "./messages.js" */

const AMBER = 15 * 60, RED = 5 * 60; // seconds left

export class IdentityCard {
  /** @param {() => void} refresh  called when the person wants new credentials */
  constructor(refresh) {
    /** @type {ShownIdentity | null} */
    this.identity = null;
    /** @type {number | null} when the credentials end, by the browser's clock, in milliseconds */
    this.ends = null;
    /** @type {Map<string, string | null>} by account */
    this.aliases = new Map();
    this.title = h("span", { class: "ipyap-title" });
    this.guard = h("span", { class: "ipyap-badge ipyap-guard", hidden: true }, "protected");
    this.badge = h("span", { class: "ipyap-badge ipyap-left", role: "timer", hidden: true });
    this.button = h(
      "button",
      { class: "ipyap-button ipyap-refresh", type: "button", title: "Get new credentials now", onclick: refresh },
      icon("refresh"),
      "Refresh",
    );
    this.details = h("div", { class: "ipyap-details" });
    this.element = h(
      "div",
      { class: "ipyap-identity", role: "group", "aria-label": "Active identity" },
      h("div", { class: "ipyap-titles" }, this.title, this.guard, this.badge, this.button),
      this.details,
    );
  }

  /** @param {ShownIdentity | null} identity */
  show(identity) {
    this.identity = identity;
    this.ends = identity?.left == null ? null : Date.now() + identity.left * 1000;
    this.element.classList.toggle("ipyap-none", !identity);
    this.element.classList.toggle("ipyap-protected", Boolean(identity?.protected));
    this.guard.hidden = !identity?.protected;
    this.button.hidden = !identity;
    this.title.textContent = identity ? nameOf(identity) : "No profile is active";
    this.badge.title = identity?.expires
      ? `These credentials end at ${identity.expires}; the session renews itself when it is used.`
      : "";
    this.fill();
    this.tick();
  }

  /**
   * @param {string} account
   * @param {string | null} alias
   */
  showAlias(account, alias) {
    this.aliases.set(account, alias);
    this.fill();
  }

  fill() {
    if (!this.identity) {
      this.details.replaceChildren(
        h("span", { class: "ipyap-note" }, "Choose one, and the notebook’s variable ", h("b", {}, "session"), " works as it."),
      );
      return;
    }
    const { account, arn, region, variable, notes } = this.identity;
    const alias = this.aliases.get(account);
    const rows = [
      ["account", alias ? `${account} (${alias})` : account],
      ["ARN", arn],
      ["region", region ?? "none"],
      ...(variable ? [["variable", variable]] : []),
    ];
    this.details.replaceChildren(
      ...rows.flatMap(([label, value]) => [
        h("span", { class: "ipyap-label" }, label),
        h("span", { class: "ipyap-value" }, value),
      ]),
      ...notes.map((note) => h("span", { class: "ipyap-note" }, note.replaceAll("`", ""))),
    );
  }

  tick() {
    this.badge.hidden = this.ends == null;
    if (this.ends == null) return;
    const left = Math.max(0, Math.ceil((this.ends - Date.now()) / 1000));
    this.badge.dataset.tone = left < RED ? "red" : left < AMBER ? "amber" : "calm";
    this.badge.textContent = left ? `${clock(left)} left` : "expired";
  }
}

/**
 * Return the profiles that led to an identity, or its ARN if no profile did.
 *
 * @param {ShownIdentity} identity
 */
export const nameOf = (identity) => identity.chain.join(" ← ") || identity.arn;

/**
 * Return a time as minutes and seconds, with hours if there are any.
 *
 * @param {number} seconds
 */
function clock(seconds) {
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}
