// When the focus leaves the picker, its list closes, and what is below the list moves up. If it was
// a click that took the focus, the list closes after the click: what is clicked mustn't move before.

export class Leaving {
  /**
   * @param {HTMLElement} element
   * @param {() => void} left  called when the focus has left the element
   */
  constructor(element, left) {
    this.element = element;
    this.left = left;
    this.isPressed = false; // whether a button of the mouse is down
    this.isPending = false;
    // A touch sends these events too, when it is a click.
    this.listeners = /** @type {const} */ ([
      ["mousedown", () => (this.isPressed = true)],
      ["mouseup", () => this.released()],
      ["dragend", () => this.released()],
    ]);
    for (const [type, listener] of this.listeners) addEventListener(type, listener, true);
    element.addEventListener("focusout", (event) => this.focusLeft(event));
  }

  /** End the listening to the whole page. */
  end() {
    for (const [type, listener] of this.listeners) removeEventListener(type, listener, true);
  }

  /** @param {FocusEvent} event */
  focusLeft({ relatedTarget }) {
    if (relatedTarget instanceof Node && this.element.contains(relatedTarget)) return;
    if (this.isPressed) this.isPending = true;
    else this.left();
  }

  released() {
    this.isPressed = false;
    if (!this.isPending) return;
    this.isPending = false;
    setTimeout(() => {
      if (!this.element.matches(":focus-within")) this.left();
    });
  }
}
