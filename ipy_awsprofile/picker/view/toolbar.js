// The script's interface. `render` shows the picker in a cell (https://anywidget.dev/en/afm/), and
// `button` shows a notebook's identity in the toolbar. A click there opens the picker in a popup:
// https://developer.mozilla.org/docs/Web/API/Popover_API

import { timeLeft, windowLeft } from "./card.js";
import { h, icon, style } from "./dom.js";
import { CellQuestion } from "./question.js";
import { View } from "./view.js";
/** @import { Ask, Child, Identity, Message, Send, State } from "./dom.js" */

/**
 * What the labextension offers to the script: `send(data)`, and `listeners`, a Set of functions that get
 * each message and its buffers. `insert(code)` adds a cell, and `remember(last)` keeps what is
 * needed to use the identity again after a restart.
 * @typedef {{ name: string, request: object, code: string }} Last
 * @typedef {{ kernel: any, send: Send, listeners: Set<Function>, insert(code: string): void, remember(last: Last | null): void }} Channel
 */

const GAP = 6; // pixels between the popup, the button, and the edges of the page

/** Show the picker in a cell's output. @param {{ model: any, el: HTMLElement }} options */
function render({ model, el }) {
  const view = new View(el, (command) => {
    try {
      model.send(command);
    } catch { /* the kernel was restarted, and the view will say that it doesn't answer */ }
  });
  view.kernel = model.widget_manager?.kernel?.id;
  const onMessage = (/** @type {Message} */ message, /** @type {BufferSource[]} */ buffers) => {
    view.receive(message, buffers);
  };
  const onConnection = () => {
    view.disconnect();
    view.connect();
  };
  model.on("msg:custom", onMessage);
  model.on("comm_live_update", onConnection);
  view.connect();
  // VS Code doesn't say that the kernel was restarted. Then this model belongs to the former kernel.
  const timer = setInterval(() => model.widget_manager?.kernel?.isDisposed && view.lose(), 1000);
  return () => {
    clearInterval(timer);
    view.end();
    model.off("msg:custom", onMessage);
    model.off("comm_live_update", onConnection);
  };
}

/**
 * Show the button in `node`. Return functions that open the picker, use an identity again, and remove the button.
 * @param {HTMLElement} node @param {Channel} channel
 */
function button(node, channel) {
  const tool = new ToolbarButton(node, channel);
  tool.view.kernel = channel.kernel.id;
  const listener = (/** @type {Message} */ message, /** @type {BufferSource[]} */ buffers) => tool.receive(message, buffers);
  channel.listeners.add(listener);
  tool.view.connect();
  return {
    open: () => tool.open(),
    repeat: (/** @type {object} */ request) => tool.view.command({ do: "repeat", request }),
    end: () => {
      channel.listeners.delete(listener);
      tool.end();
    },
  };
}

/**
 * Show the question of a running cell in `node`, which is in the cell's output. Return a function that stops the updates.
 * @param {HTMLElement} node @param {Channel} channel @param {number} number
 */
function question(node, channel, number) {
  const shown = new CellQuestion(node, number, (command) => channel.send(command));
  const listener = (/** @type {Message} */ message) => shown.receive(message);
  channel.listeners.add(listener);
  return () => channel.listeners.delete(listener);
}

/** Return the lines of the button's title. @param {State} state @param {string} needs */
function describe({ identity, busy }, needs) {
  const lines = [identity ? `${identity.name}, account ${identity.account}` : "No AWS profile is active."];
  if (busy?.waits) lines.push(`Waiting for the running cell: ${busy.doing[0].toLowerCase()}${busy.doing.slice(1)}.`);
  if (identity?.notes) lines.push(`The dot is orange because the identity's card has ${identity.notes === 1 ? "a warning" : `${identity.notes} warnings`}.`);
  lines.push(needs ? `${needs}: click for details.` : "Click to search, switch, refresh or switch off.");
  return lines;
}

/** What the button says about a question. @type {Record<Ask["kind"], string>} */
const NEEDS = { sign_in: "Sign in", code: "MFA code", confirm: "Confirm", allow: "Confirm" };

class ToolbarButton {
  /** @param {HTMLElement} node @param {Channel} channel */
  constructor(node, channel) {
    this.channel = channel;
    this.identity = /** @type {Identity | null} */ (null);
    const unseen = (/** @type {string} */ text) => h("span", { class: "ipyap-unseen" }, text);
    const part = (/** @type {string} */ kind, /** @type {Child[]} */ ...content) => h("span", { class: `ipyap-tool-${kind}` }, ...content);
    this.name = h("span");
    this.account = h("span");
    this.left = h("span");
    this.window = h("span");
    this.leftUnit = unseen("left");
    this.needs = h("span");
    /** @type {Record<string, HTMLElement>} */
    this.parts = {
      active: unseen("AWS profile"),
      dot: part("dot"),
      lock: part("lock", icon("lock")),
      name: part("name", this.name),
      account: part("account", unseen("account"), this.account),
      protected: unseen("protected"),
      access: part("access", "read-only"),
      left: part("left", this.left, this.leftUnit),
      window: part("window", part("words", "agent writes: "), this.window, unseen("left")),
      waits: part("waits", "waits", part("words", " for the cell")),
      alert: part("alert", icon("alert"), this.needs),
    };
    this.button = h("button", { class: "ipyap-tool", type: "button", hidden: true, "aria-haspopup": "dialog", "aria-expanded": "false" }, ...Object.values(this.parts));
    this.popup = h("div", { class: "ipyap-popup", popover: "auto", role: "dialog", "aria-label": "AWS profile", "data-lm-suppress-shortcuts": "true", tabindex: -1 });
    this.view = new View(this.popup, (command) => channel.send(command), {
      done: () => this.close(),
      left: () => this.close(),
      insert: (code) => (channel.insert(code), this.close()),
    });
    this.popup.addEventListener("toggle", () => this.toggled());
    this.button.addEventListener("click", () => (this.wasOpen ? this.close() : this.open()));
    // The popup has closed itself before the click.
    this.button.addEventListener("pointerdown", () => (this.wasOpen = this.isOpen));
    this.button.addEventListener("keydown", (event) => {
      this.wasOpen = false;
      if (event.key === "Enter" && event.repeat) event.preventDefault(); // it would open the popup again
    });
    this.follow = () => this.isOpen && this.moveBelowButton();
    addEventListener("resize", this.follow);
    this.timer = setInterval(() => this.tick(), 1000);
    node.append(style(), this.button);
    document.body.append(this.popup);
  }

  end() {
    removeEventListener("resize", this.follow);
    clearInterval(this.timer);
    this.view.end();
    this.popup.remove();
    this.button.parentNode?.replaceChildren();
  }

  get isOpen() {
    return this.popup.matches(":popover-open");
  }

  /** Open the popup, which has the focus from now on, even while the kernel is busy. */
  open() {
    if (this.isOpen) return;
    this.showPopup();
    this.view.begin();
  }

  /** Open the popup without the user. Letters that the user types don't become a search. */
  openByItself() {
    this.showPopup();
    if (this.view.question.isOpen) this.view.question.focus();
  }

  showPopup() {
    this.popup.showPopover({ source: this.button }); // the next element for Tab is the button's next one
    this.moveBelowButton();
    this.popup.focus();
  }

  close() {
    if (!this.isOpen) return;
    this.popup.hidePopover(); // the browser moves the focus back
    if (document.activeElement === document.body) this.button.focus();
  }

  toggled() {
    this.button.setAttribute("aria-expanded", String(this.isOpen));
    this.show(this.view.state);
    // The user has seen it.
    if (!this.isOpen && this.view.state?.error && !this.view.question.isOpen) this.view.send({ do: "cancel" });
  }

  /** @param {Message} message @param {BufferSource[]} buffers */
  receive(message, buffers) {
    const before = this.view.state;
    const isUserHere = this.isUserHere();
    this.view.receive(message, buffers);
    if (!("busy" in message)) return;
    this.show(message);
    const isNew = (/** @type {"error" | "ask"} */ name) => JSON.stringify(message[name] || null) !== JSON.stringify(before?.[name] || null) && message[name];
    const isAsked = isNew("ask") && !message.ask?.of_cell; // the cell shows its own question
    if ((isNew("error") || isAsked) && isUserHere && !this.isOpen && before) this.openByItself();
  }

  /** Return whether the focus is on this notebook's button or nowhere, and not, for example, in a cell. */
  isUserHere() {
    const { activeElement: active } = document;
    return document.hasFocus() && this.button.checkVisibility() && (!active || active === document.body || active === this.button);
  }

  /** @param {State | null} state */
  show(state) {
    if (!state) return;
    const { identity, error, ask, busy } = state;
    // The popup can be open in a tab in which the user isn't.
    let needs = ask ? NEEDS[ask.kind] : "";
    if (error && !this.isOpen) needs = "Something failed";
    let kind = "off";
    if (identity) kind = identity.notes ? "noted" : "on";
    if (identity?.protected) kind = "protected";
    if (identity || this.identity) this.channel.remember(identity && { name: identity.profile ?? identity.name, request: identity.request, code: identity.code });
    this.identity = identity;
    this.button.dataset.kind = kind;
    this.name.textContent = identity ? identity.profile ?? identity.name : "No AWS profile";
    this.account.textContent = identity?.account ?? "";
    this.needs.textContent = needs;
    const isShown = { active: identity, lock: identity?.protected, account: identity, protected: identity?.protected, access: identity?.read_only, left: identity?.ends, waits: busy?.waits && !needs, alert: needs };
    for (const [name, value] of Object.entries(isShown)) this.parts[name].hidden = !value;
    // A narrow toolbar hides a part of it.
    this.button.title = describe(state, needs).join("\n");
    this.button.hidden = false;
    this.tick();
  }

  /** Show the time left. */
  tick() {
    const left = windowLeft(this.identity);
    this.parts.window.hidden = !left;
    this.window.textContent = left;
    if (!this.identity?.ends) return (this.button.dataset.tone = "calm");
    const { text, tone, isOver } = timeLeft(this.identity);
    this.button.dataset.tone = tone;
    this.left.textContent = isOver ? text.split(" ")[0] : text.split(" ").slice(0, 2).join(" ");
    this.leftUnit.hidden = isOver;
  }

  moveBelowButton() {
    const { bottom, right } = this.button.getBoundingClientRect();
    const left = Math.min(right, innerWidth - GAP) - this.popup.offsetWidth;
    this.popup.style.left = `${Math.max(GAP, left)}px`;
    this.popup.style.top = `${bottom + GAP}px`;
    this.popup.style.maxHeight = `${innerHeight - bottom - 2 * GAP}px`;
  }
}

export default { render, button, question };
