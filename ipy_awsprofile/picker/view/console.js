// The AWS console in a new tab. Its URL contains a token, so it arrives in a message that isn't
// saved, and is nowhere in the page.

/** For browsers that block tabs, and front ends without tabs, such as VS Code. */
const BLOCKED =
  '<div class="ipyap-then">No tab could be opened. Allow pop-ups for this page, or run <code>%aws_profile --console</code> in a cell.</div>';

export class ConsoleTab {
  /**
   * @param {() => void} ask  asks Python for the link
   * @param {(html: string) => void} showError
   */
  constructor(ask, showError) {
    this.ask = ask;
    this.showError = showError;
    /** @type {Window | null} */
    this.tab = null;
  }

  /** Open an empty tab immediately, because browsers block a later one, and ask for its URL. */
  open() {
    this.close();
    this.tab = window.open("about:blank", "_blank");
    this.showError(this.tab ? "" : BLOCKED);
    if (!this.tab) return;
    this.tab.opener = null;
    this.ask();
  }

  /** @param {string} url */
  show(url) {
    if (!this.tab?.closed) this.tab?.location.replace(url);
    this.tab = null;
  }

  /** Close the tab if it is still empty. */
  close() {
    this.tab?.close();
    this.tab = null;
  }
}
