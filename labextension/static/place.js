// The place for the button in one notebook's toolbar, and the notice that replaces the button.

/** @import { NotebookPanel, ShownButton, Widget } from "../jupyterlab.d.ts" */
/** @import { Kernels } from "./kernels.js" */
/** @import { Link } from "./link.js" */
/** @import { Preferences } from "./preferences.js" */

const NAME = "ipy-awsprofile";
const UPDATE = "pip install --upgrade ipy-awsprofile";

export class Place {
  /**
   * @param {NotebookPanel} panel
   * @param {Kernels} kernels
   * @param {Preferences} preferences
   * @param {() => Widget} newWidget
   */
  constructor(panel, kernels, preferences, newWidget) {
    this.panel = panel;
    this.kernels = kernels;
    this.preferences = preferences;
    this.newWidget = newWidget;
    /** @type {unknown} the content of the current item; the same content needs no new item */
    this.shown = "";
    /** @type {ShownButton | null} the kernel's button, if it is shown */
    this.button = null;
    /** @type {Widget | null} the item in the toolbar */
    this.widget = null;
    this.update = () => this.show();
    kernels.listeners.add(this.update);
    preferences.listeners.add(this.update);
    kernels.follow(panel.sessionContext);
    this.show();
  }

  end() {
    this.kernels.listeners.delete(this.update);
    this.preferences.listeners.delete(this.update);
    this.remove();
  }

  show() {
    const link = this.kernels.linkOf(this.panel.sessionContext);
    const { show, place } = this.preferences;
    const what = this.what(link, show);
    const comm = link?.comm?.commId;
    if (this.shown === `${what} ${place} ${comm}`) return;
    this.shown = `${what} ${place} ${comm}`;
    const { activeElement } = document;
    this.remove();
    if (activeElement && !activeElement.isConnected) this.panel.activate(); // it had the focus
    if (!link || what === "nothing") return;
    const widget = (this.widget = this.newWidget());
    widget.addClass("ipyap-place");
    if (what !== "button") widget.node.append(NOTICES[what](link));
    else if (link.button) this.button = link.button.render({ model: link.model, el: widget.node });
    this.insert(widget, place);
  }

  remove() {
    this.button?.end();
    this.widget?.dispose();
    this.button = this.widget = null;
  }

  /** Click the item in the toolbar. */
  click() {
    this.widget?.node.querySelector("button")?.click();
  }

  /**
   * Return what to show.
   *
   * @param {Link | undefined} link
   * @param {string} show  the user's setting
   * @returns {"nothing" | "button" | keyof typeof NOTICES}
   */
  what(link, show) {
    if (!link || show === "never") return "nothing";
    if (link.button) return "button";
    if (link.otherProtocol !== null) return "update";
    if (link.isBlocked) return "blocked";
    return link.isAbsent && show === "always" ? "load" : "nothing";
  }

  /**
   * @param {Widget} widget
   * @param {string} place  the user's setting
   */
  insert(widget, place) {
    // A toolbar without room hides its last items, so the identity is the first item in either
    // place.
    if (place !== "left") widget.addClass("ipyap-right");
    this.panel.toolbar.insertItem(0, NAME, widget);
  }
}

/**
 * Return a button that names the side to update.
 *
 * @param {Link} link
 */
function updateNotice(link) {
  const side = link.isKernelOlder ? "this notebook's kernel" : "Jupyter";
  const notice = noticeOf("AWS: update ipy-awsprofile");
  notice.title = `ipy-awsprofile is older in the environment of ${side}. Run there:\n${UPDATE}`;
  return notice;
}

/**
 * Return a button that loads the extension.
 *
 * @param {Link} link
 */
function loadNotice(link) {
  const notice = noticeOf("AWS: not loaded");
  notice.title = "Click to run %load_ext ipy_awsprofile in this notebook's kernel.";
  notice.onclick = async () => {
    notice.disabled = true;
    try {
      if (await link.load()) return;
      notice.textContent = "AWS: not installed";
      notice.title = "The environment of this notebook's kernel doesn't have ipy-awsprofile. Run there:\npip install ipy-awsprofile";
    } finally {
      notice.disabled = false;
    }
  };
  return notice;
}

/** Return a button that says why the kernel's button is missing. */
function blockedNotice() {
  const notice = noticeOf("AWS: blocked");
  notice.title =
    "This page doesn't allow the kernel's script: its Content Security Policy needs blob: in script-src. %aws_profile works in cells.";
  return notice;
}

const NOTICES = { update: updateNotice, load: loadNotice, blocked: blockedNotice };

/** @param {string} text */
function noticeOf(text) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "ipyap-notice";
  button.textContent = text;
  return button;
}
