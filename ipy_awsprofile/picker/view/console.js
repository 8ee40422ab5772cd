// The AWS console in a new tab. Its address has a token: it comes in a message that isn't saved, and
// is nowhere in the page.

export class ConsoleTab {
  constructor() {
    /** @type {Window | null} */
    this.tab = null;
  }

  /** Open an empty tab at once: browsers block one that opens later than the click. */
  open() {
    this.close();
    this.tab = window.open("about:blank", "_blank");
    if (this.tab) this.tab.opener = null;
  }

  /** @param {string} url */
  show(url) {
    if (this.tab && !this.tab.closed) this.tab.location.replace(url);
    else window.open(url, "_blank", "noopener,noreferrer");
    this.tab = null;
  }

  /** Close the tab if it is still empty. */
  close() {
    this.tab?.close();
    this.tab = null;
  }
}
