// The picker in a popup below a button: https://developer.mozilla.org/docs/Web/API/Popover_API
//
// It stays alive while the popup is closed: what waits for a cell, or for a sign-in, goes on.

import { h } from "./dom.js";
import { isHeldEnter } from "./frame.js";
import { render } from "./render.js";

/** @import { Model } from "./render.js" */

const GAP = 6; // pixels to the button, and to the edges of the page

export class Popup {
  /**
   * @param {Model} model
   * @param {HTMLButtonElement} button  what opens the popup
   */
  constructor(model, button) {
    this.model = model;
    this.button = button;
    this.endPicker = () => {};
    this.isBegun = false;
    this.mustFocus = false;
    const attributes = { class: "ipyap-popup", popover: "auto", role: "dialog", "aria-label": "AWS profile" };
    this.element = h("div", attributes);
    this.element.addEventListener("toggle", (event) => {
      this.button.setAttribute("aria-expanded", String(this.isOpen));
      if (/** @type {ToggleEvent} */ (event).newState === "open") this.opened();
    });
    button.popoverTargetElement = this.element;
    // A key that is held down would close the popup again.
    button.addEventListener("keydown", (event) => isHeldEnter(event) && event.preventDefault());
    this.place = () => this.isOpen && this.moveBelowButton();
    this.onMessage = () => this.mustFocus && this.focus();
    addEventListener("resize", this.place);
    document.body.append(this.element);
  }

  get isOpen() {
    return this.element.matches(":popover-open");
  }

  end() {
    removeEventListener("resize", this.place);
    this.model.off("msg:custom", this.onMessage);
    this.endPicker();
    this.element.remove();
  }

  opened() {
    if (!this.isBegun) {
      this.isBegun = true;
      this.endPicker = render({ model: this.model, el: this.element });
      this.model.on("msg:custom", this.onMessage); // after the picker's own: it is shown by then
    }
    this.place();
    this.mustFocus = true;
    this.focus();
  }

  /** Put the focus where a person goes on: in an open question, or in the search field. */
  focus() {
    const asked = this.element.querySelector(".ipyap-question :is(input, a, button)");
    const target = /** @type {HTMLElement | null} */ (asked ?? this.element.querySelector(".ipyap-input"));
    if (!target?.checkVisibility()) return; // Python hasn't answered yet
    this.mustFocus = false;
    target.focus();
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
