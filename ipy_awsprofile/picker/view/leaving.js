// When the focus leaves the picker, its list closes, and the content below the list moves up. If a
// click took the focus, the list closes after the click, so that the click's target doesn't move
// before.

export class Leaving {
  /**
   * @param {HTMLElement} element
   * @param {() => void} left  called when the focus has left the element
   */
  constructor(element, left) {
    this.element = element;
    this.left = left;
    this.isPressed = false; // whether a mouse button is down
    this.isPending = false;
    // A tap sends these events, too.
    this.listeners = /** @type {const} */ ([
      ["mousedown", () => (this.isPressed = true)],
      ["mouseup", () => this.released()],
      ["dragend", () => this.released()],
    ]);
    for (const [type, listener] of this.listeners) addEventListener(type, listener, true);
    element.addEventListener("focusout", (event) => this.focusLeft(event));
  }

  /** Stop listening to the page's events. */
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
