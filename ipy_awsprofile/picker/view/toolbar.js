// The button in the toolbar of JupyterLab and Notebook 7, which shows the notebook's identity and
// the remaining time. A click opens the picker. The labextension creates the button's place in the
// page and the model; Python sends this script on request.

import { h, icon, visible } from "./dom.js";
import { endOf, toneOf } from "./identity.js";
import { Popup } from "./popup.js";

/** @import { ActiveIdentity, ViewMessage } from "./messages.js" */
/** @import { Model } from "./render.js" */

const CLICK = "Click to search, switch, refresh or undo the switch.";

class ToolbarButton {
  /**
   * @param {Model} model
   * @param {HTMLElement} el  the place in the toolbar
   */
  constructor(model, el) {
    this.model = model;
    this.id = `ipyap-button-${Math.random().toString(36).slice(2, 10)}`;
    /** @type {number | null} when the credentials expire, in milliseconds of the browser's clock */
    this.ends = null;
    this.renews = false;
    /** @type {string | null} the active identity's ARN, for JupyterLab's command */
    this.arn = null;
    this.label = "";
    this.dot = h("span", { class: "ipyap-tool-dot" });
    this.lock = h("span", { class: "ipyap-tool-lock" }, icon("lock"));
    this.name = h("span", { class: "ipyap-tool-name" });
    this.account = h("span", { class: "ipyap-tool-account" });
    this.access = h("span", { class: "ipyap-tool-access" }, "read-only");
    this.left = h("span", { class: "ipyap-tool-left" });
    this.button = h(
      "button",
      { class: "ipyap-tool", type: "button", hidden: true, "aria-haspopup": "dialog" },
      ...[this.dot, this.lock, this.name, this.account, this.access, this.left],
    );
    this.popup = new Popup(model, this.button);
    this.onMessage = (/** @type {ViewMessage} */ message) => this.receive(message);
    this.timer = setInterval(() => this.tick(), 1000);
    model.on("msg:custom", this.onMessage);
    el.append(this.button);
    model.send({ type: "status", view: this.id });
  }

  end() {
    clearInterval(this.timer);
    this.model.off("msg:custom", this.onMessage);
    this.popup.end();
    this.button.remove();
  }

  /** Undo the switch. */
  off() {
    this.popup.ask({ type: "off" });
  }

  /** @param {ViewMessage} message */
  receive(message) {
    if (message.type === "identity") this.show(message.identity);
  }

  /** @param {ActiveIdentity | null} identity */
  show(identity) {
    const { dataset } = this.button;
    dataset.kind = !identity ? "off" : identity.protected ? "protected" : identity.notes ? "noted" : "on";
    this.ends = identity?.left == null ? null : Date.now() + identity.left * 1000;
    this.renews = identity?.renews ?? false;
    this.arn = identity?.arn ?? null;
    this.name.textContent = identity ? visible(identity.profile ?? identity.name) : "No AWS profile";
    this.account.textContent = visible(identity?.account ?? "");
    this.lock.hidden = !identity?.protected;
    this.access.hidden = !identity?.read_only;
    this.left.hidden = this.ends === null;
    const about = identity ? visible(`${identity.name}, account ${identity.account}`) : "No AWS profile is active.";
    this.button.title = `${about}\n${CLICK}`; // a narrow toolbar hides a part of it
    const marks = identity ? [identity.protected && "protected", identity.read_only && "read-only"] : [];
    this.label = identity
      ? [`AWS profile ${this.name.textContent}, account ${this.account.textContent}`, ...marks.filter(Boolean)].join(", ")
      : "No AWS profile";
    this.button.hidden = false;
    this.tick();
  }

  /** Show the remaining time. */
  tick() {
    const { dataset } = this.button;
    let text = "", label = this.label;
    dataset.tone = "calm";
    if (this.ends !== null) {
      const left = Math.max(0, Math.ceil((this.ends - Date.now()) / 1000));
      dataset.tone = this.left.dataset.tone = toneOf(left, this.renews);
      text = left ? inMinutes(left) : this.renews ? "renews" : "expired";
      label += `, ${left ? `${text} left` : endOf(this.renews)}`;
    }
    if (this.left.textContent !== text) this.left.textContent = text;
    if (this.button.ariaLabel !== label) this.button.ariaLabel = label;
  }
}

/**
 * Return a time in hours and minutes, or in the last five minutes, in minutes and seconds.
 *
 * @param {number} seconds
 */
function inMinutes(seconds) {
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  if (seconds < 300) return `${Math.floor(seconds / 60)}:${two(seconds % 60)}`;
  const minutes = Math.round(seconds / 60);
  const hours = Math.floor(minutes / 60);
  return !hours ? `${minutes} min` : minutes % 60 ? `${hours} h ${two(minutes % 60)}` : `${hours} h`;
}

/**
 * Show a button in the toolbar.
 *
 * @param {{model: Model, el: HTMLElement}} place
 */
const renderButton = ({ model, el }) => new ToolbarButton(model, el);

export default { render: renderButton };
