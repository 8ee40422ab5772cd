// The card of the notebook's identity. Python creates it; the view adds a button, and counts down
// the remaining time without the kernel.

import { h, icon } from "./dom.js";

/** @import { ActiveIdentity } from "./messages.js" */

const AMBER = 15 * 60, RED = 5 * 60; // seconds left

/**
 * @typedef {object} IdentityActions
 * @property {() => void} refresh
 * @property {() => void} off
 * @property {(() => void) | null} openConsole  null in the toolbar, because the link contains a token, which isn't sent there
 * @property {() => void} save
 */

export class IdentityCard {
  /** @param {IdentityActions} actions  the functions that the buttons call */
  constructor({ refresh, off, openConsole, save }) {
    /** @type {ActiveIdentity | null} */
    this.identity = null;
    /** @type {number | null} when the credentials expire, in milliseconds of the browser's clock */
    this.ends = null;
    /** @type {HTMLElement | null} the card's badge, which shows the remaining time */
    this.timer = null;
    this.card = h("div", { class: "ipyap-card" });
    const button = { class: "ipyap-button", type: "button" };
    this.save = h(
      "button",
      { ...button, class: "ipyap-button ipyap-save", title: "Save this role as a profile in the config file", onclick: save },
      icon("save"),
      "Save as a profile",
    );
    this.buttons = h(
      "div",
      { class: "ipyap-actions" },
      this.save,
      h("button", { ...button, title: "Get new credentials now", onclick: refresh }, icon("refresh"), "Refresh"),
      h("button", { ...button, title: "Undo the switch, as %aws_profile --off does", onclick: off }, icon("off"), "Off"),
      openConsole && h("button", { ...button, title: "Open the AWS console as this identity", onclick: openConsole }, icon("open"), "Console"),
    );
    this.element = h(
      "div",
      { class: "ipyap-identity", role: "group", "aria-label": "Active identity" },
      this.card,
      this.buttons,
    );
    this.show(null, "");
  }

  /**
   * @param {ActiveIdentity | null} identity
   * @param {string} html  its card from Python, which has escaped all text in it
   */
  show(identity, html) {
    this.identity = identity;
    this.ends = identity?.left == null ? null : Date.now() + identity.left * 1000;
    this.card.innerHTML = html;
    this.element.hidden = !html;
    this.buttons.hidden = !identity;
    this.save.hidden = !identity?.save_as;
    this.timer = this.card.querySelector(".ipy-awsprofile-badge");
    if (this.ends !== null) this.timer?.setAttribute("role", "timer");
    if (identity?.expires) this.addLocalTime(new Date(identity.expires));
    this.tick();
  }

  /**
   * Show an expiration time in the user's time zone, too.
   *
   * @param {Date} time
   */
  addLocalTime(time) {
    if (!time.getTimezoneOffset()) return; // the user's time zone is UTC
    const labels = [...this.card.querySelectorAll("th")];
    const value = labels.find((label) => label.textContent === "expires")?.nextElementSibling;
    const isToday = time.toDateString() === new Date().toDateString();
    const day = isToday ? {} : /** @type {const} */ ({ weekday: "short", day: "numeric", month: "short" });
    const local = time.toLocaleString([], { ...day, hour: "2-digit", minute: "2-digit", timeZoneName: "short" });
    value?.append(h("span", { class: "ipyap-local" }, ` · ${local} here`));
  }

  /** Show the remaining time. */
  tick() {
    if (this.ends === null || this.timer === null) return;
    const left = Math.max(0, Math.ceil((this.ends - Date.now()) / 1000));
    const renews = this.identity?.renews ?? false;
    this.card.dataset.tone = this.timer.dataset.tone = toneOf(left, renews);
    this.timer.textContent = left ? `${clock(left)} left` : endOf(renews);
  }
}

/**
 * Return how urgent the expiration is: never urgent if the credentials renew without the user.
 *
 * @param {number} left  seconds
 * @param {boolean} renews
 */
export const toneOf = (left, renews) => (renews ? "calm" : left < RED ? "red" : left < AMBER ? "amber" : "calm");

/**
 * Return the text to show when the credentials have expired, in the card's words.
 *
 * @param {boolean} renews
 */
export const endOf = (renews) => (renews ? "renews at the next call" : "expired");

/**
 * Return a time as minutes and seconds, with hours if necessary.
 *
 * @param {number} seconds
 */
function clock(seconds) {
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}
