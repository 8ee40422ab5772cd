// The picker in a popup below a button: https://developer.mozilla.org/docs/Web/API/Popover_API
//
// It stays active while the popup is closed, and continues to wait for a cell or a sign-in.

import { h } from "./dom.js";
import { isHeldEnter } from "./frame.js";
import { show } from "./render.js";

/** @import { ViewMessage } from "./messages.js" */
/** @import { Model } from "./render.js" */

const GAP = 6; // pixels to the button, and to the edges of the page

export class Popup {
  /**
   * @param {Model} model
   * @param {HTMLButtonElement} button  the button that opens the popup
   */
  constructor(model, button) {
    this.model = model;
    this.button = button;
    /** @type {ReturnType<typeof show> | null} */
    this.picker = null;
    this.mustBegin = false;
    /** @type {Element | null} the element that had the focus before the popup opened */
    this.origin = null;
    const attributes = { class: "ipyap-popup", popover: "auto", role: "dialog", "aria-label": "AWS profile" };
    this.element = h("div", attributes);
    this.element.addEventListener("beforetoggle", () => {
      if (!this.isOpen) this.origin = document.activeElement;
    });
    this.element.addEventListener("toggle", (event) => {
      this.button.setAttribute("aria-expanded", String(this.isOpen));
      if (/** @type {ToggleEvent} */ (event).newState === "open") this.opened();
      else this.picker?.view.showError(""); // the user has seen it
    });
    button.popoverTargetElement = this.element;
    // Holding down the key would close the popup again.
    button.addEventListener("keydown", (event) => isHeldEnter(event) && event.preventDefault());
    this.place = () => this.isOpen && this.moveBelowButton();
    /** @type {(message: ViewMessage) => void} */
    this.onMessage = (message) => this.heard(message);
    addEventListener("resize", this.place);
    document.body.append(this.element);
  }

  get isOpen() {
    return this.element.matches(":popover-open");
  }

  end() {
    removeEventListener("resize", this.place);
    this.model.off("msg:custom", this.onMessage);
    this.picker?.end();
    this.element.remove();
  }

  /** The picker's view, created on first access. */
  get view() {
    if (!this.picker) {
      this.picker = show({ model: this.model, el: this.element }, () => this.close());
      this.model.on("msg:custom", this.onMessage); // after the picker's own listener, which shows the message
    }
    return this.picker.view;
  }

  opened() {
    this.mustBegin = Boolean(this.view);
    this.place();
    this.begin();
  }

  close() {
    if (!this.isOpen) return;
    this.element.hidePopover();
    const { origin } = this;
    (origin instanceof HTMLElement && origin !== document.body ? origin : this.button).focus();
  }

  /**
   * Send a command without opening the popup. The popup opens only for an error or a wait.
   *
   * @param {{type: "off"}} command
   */
  ask(command) {
    this.view.ask(command, this.view.profile);
  }

  /** @param {ViewMessage} message */
  heard({ type, view }) {
    const isForPerson = view === this.view.id && (type === "error" || type === "waiting");
    if (isForPerson && !this.isOpen) this.element.showPopover();
    if (this.mustBegin) this.begin();
  }

  /**
   * Move the focus to an open question, or else to the field with its list open, as soon as Python
   * has answered. An error stays visible.
   */
  begin() {
    if (!this.picker || !this.isOpen) return;
    const { error, field, profiles, question } = this.picker.view;
    const failed = error.hasChildNodes();
    this.mustBegin = !profiles.version && !failed;
    if (this.mustBegin) return;
    const asked = question.element.querySelector("input, a, button");
    if (!asked && !failed) field.open();
    /** @type {HTMLElement} */ (asked ?? field.input).focus();
  }

  moveBelowButton() {
    const { bottom, right } = this.button.getBoundingClientRect();
    const { style, offsetWidth } = this.element;
    const left = Math.min(right, innerWidth - GAP) - offsetWidth;
    style.left = `${Math.max(GAP, left)}px`;
    style.top = `${bottom + GAP}px`;
    style.maxHeight = `${innerHeight - bottom - 2 * GAP}px`;
  }
}
