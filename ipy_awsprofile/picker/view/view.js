// A picker in the page: the list, the question that Python asks, and the notebook's identity.
//
// It stores nothing. Python sends its whole state after each change (picker/messages.py), and the
// view sends what the user does. A saved notebook has none of it.

import { h, pushButton, style } from "./dom.js";
import { Card } from "./card.js";
import { ProfileList } from "./list.js";
import { Question } from "./question.js";
/** @import { Busy, Command, Message, Send, State } from "./dom.js" */

const SLOW = 1000; // milliseconds until the picker says that the kernel doesn't answer
const SILENT = { doing: "", waits: true };
/** The last profile of each kernel, which keeps its ID at a restart, and sends its script again. */
const LAST = (/** @type {any} */ (window).ipyapLast ??= new Map());

const BLOCKED = "The browser didn't open a tab. Allow pop-ups for this page, or run %aws_profile --console in a cell.";

/** Return whether VS Code shows the page. In VS Code, an empty tab would replace the page. */
function inVsCode() {
  return "vscodeThemeKind" in document.body.dataset;
}

/** Open an address in the user's browser. @param {string} address @param {Element} root */
function openOutside(address, root) {
  // VS Code opens links; in `window.open`, it changes the address.
  const link = h("a", { href: address, target: "_blank", rel: "noopener noreferrer", hidden: true });
  root.append(link);
  link.click();
  link.remove();
}

/** Return whether a key is a command of the front end that neither edits the search nor changes a cell. @param {KeyboardEvent} event */
function isShortcut({ key, ctrlKey, metaKey, altKey }) {
  if (/^F\d/.test(key)) return true;
  return (ctrlKey || metaKey) && !altKey && /^[^acvxyz]$/i.test(key);
}

export class View {
  /**
   * Show a picker in `el`. `send(command)` sends a command to Python. `popup` is null in a cell, or has
   * the functions `done`, called when a switch has succeeded, `left`, when the focus has left, and
   * `insert`, which adds a cell to the notebook, or null.
   * @param {Element} el @param {Send} send
   * @param {{ done(): void, left(): void, insert: ((code: string) => void) | null } | null} popup
   */
  constructor(el, send, popup = null) {
    this.post = send;
    this.popup = popup;
    this.kernel = ""; // its ID
    this.state = /** @type {State | null} */ (null);
    this.hasProfiles = true; // unless Python has said that there are none
    this.isMine = false; // whether this view has sent the command that Python carries out
    this.tab = /** @type {Window | null} */ (null); // the console's tab, which is empty until Python sends its address
    this.list = new ProfileList({
      open: () => this.opened(),
      leave: () => this.reset(),
      keep: () => this.done(),
      pick: (profile, readOnly) => this.command({ do: "switch", profile, read_only: readOnly }),
      say: (text) => this.say(text),
    });
    this.card = new Card((command) => this.command(command), () => this.openConsole(), popup?.insert ?? null);
    this.question = new Question((answer) => this.command({ do: "answer", ...answer }), () => this.cancel());
    this.wait = h("span", {});
    this.cancelWait = pushButton(() => this.cancel(), "Cancel");
    this.then = h("div", { class: "ipyap-then", hidden: true }, this.wait, this.cancelWait);
    this.error = h("div", { class: "ipyap-error", role: "alert" });
    this.nothing = h("div", { class: "ipyap-error" }); // the first steps, if there are no profiles
    this.status = h("div", { class: "ipyap-unseen", role: "status" });
    // JupyterLab ignores keys that are typed here: https://lumino.readthedocs.io
    this.root = h(
      "div",
      { class: popup ? "ipyap" : "ipyap ipyap-unknown", "data-lm-suppress-shortcuts": "true" },
      ...[style(), this.card.expired, this.list.field, this.list.element, this.question.element, this.then],
      ...[this.error, this.nothing, this.card.element, this.status],
    );
    el.append(this.root);

    this.ending = new AbortController();
    const { signal } = this.ending;
    // Before all listeners of Jupyter: a code console takes Enter for itself.
    addEventListener("keydown", (event) => this.key(event), { capture: true, signal });
    for (const type of ["pointerdown", "pointerup"]) {
      addEventListener(type, () => (this.isPressed = type === "pointerdown"), { capture: true, signal });
    }
    this.root.addEventListener("focusout", () => this.focusLeft());
    const timer = setInterval(() => this.card.tick(), 1000);
    signal.addEventListener("abort", () => (clearInterval(timer), clearTimeout(this.slow), this.list.resized.disconnect()));
  }

  /** Remove the picker from the page, and stop its timers and listeners. */
  end() {
    this.ending.abort();
    this.root.remove();
  }

  // ---- messages

  /** Ask Python for the state and, in a cell, for the profiles. */
  connect() {
    this.send({ do: "ready" });
    if (!this.popup) this.send({ do: "list" });
  }

  /** Hide everything that Python has sent, because another kernel can have another identity. */
  disconnect() {
    this.root.classList.add("ipyap-unknown");
    this.reset();
  }

  /** Say that this view's kernel doesn't answer anymore. */
  lose() {
    this.disconnect();
    this.showWait(SILENT);
  }

  /** @param {Command} command */
  send(command) {
    clearTimeout(this.slow);
    this.slow = setTimeout(() => this.showWait(SILENT), SLOW);
    this.post(command);
  }

  /** @param {Message} message @param {BufferSource[]} buffers */
  receive(message, buffers) {
    clearTimeout(this.slow);
    this.root.classList.remove("ipyap-unknown");
    if ("busy" in message) return this.show(message);
    this.showWait(this.state?.busy ?? null);
    if ("profiles" in message) {
      const recent = message.recent.length ? message.recent : LAST.get(this.kernel) ?? [];
      this.list.replace(new TextDecoder().decode(buffers[0]), recent);
      this.card.offer(message.regions);
      this.nothing.innerHTML = message.html;
      this.hasProfiles = message.profiles > 0;
      if (!this.hasProfiles) this.list.close(this.profile);
      this.card.element.hidden = !this.hasProfiles && !this.state?.identity;
    } else if ("console" in message) {
      if (inVsCode()) openOutside(message.console, this.root);
      else if (!this.tab?.closed) this.tab?.location.replace(message.console);
      this.tab = null;
    }
  }

  /** @param {State} state */
  show(state) {
    const before = this.state;
    this.state = state;
    const { identity, busy, ask, error } = state;
    const isHere = this.isHere();
    const time = (/** @type {number | null} */ seconds) => (seconds === null ? null : Date.now() + seconds * 1000);
    if (identity) identity.ends = time(identity.seconds_left);
    if (identity) identity.window_ends = time(identity.window_seconds_left);
    this.card.show(identity, state.html);
    this.card.element.hidden = !this.hasProfiles && !identity;
    this.list.current = identity?.profile ?? null;
    if (this.profile) LAST.set(this.kernel, [this.profile]);
    if (before && before.identity?.profile !== identity?.profile) {
      this.say(identity ? `The notebook uses ${identity.name}.` : "No profile is active.");
    }
    if (error !== (before?.error ?? "")) this.error.innerHTML = error;
    if (error) this.closeTab();
    if (!ask && this.question.element.matches(":focus-within")) this.list.input.focus();
    const isAsked = this.question.show(ask);
    const isWorking = busy && !busy.waits;
    if (isAsked || (!isWorking && !this.list.isOpen)) this.list.close(ask?.profile ?? this.profile);
    else if (isWorking && this.list.isOpen) this.list.close(this.profile);
    this.showWait(busy);
    if (isAsked && isHere && (this.popup || !ask?.of_cell)) this.question.focus();
    if (busy || ask || !before?.busy || !this.isMine) return;
    this.isMine = false;
    if (!error) this.done();
  }

  /** Show what Python is doing, or that Python doesn't answer. @param {Busy | null} busy */
  showWait(busy) {
    const isWorking = busy !== null && !busy.waits;
    const isSilent = busy !== null && !busy.doing;
    this.root.classList.toggle("ipyap-busy", isWorking);
    this.list.input.readOnly = isWorking;
    if (isWorking) this.list.note.textContent = `${busy.doing} …`;
    else if (!this.list.isOpen) this.list.note.textContent = "";
    this.then.hidden = !busy?.waits;
    this.cancelWait.hidden = isSilent;
    if (!busy?.waits) return;
    this.wait.textContent = isSilent
      ? this.silence()
      : `Waiting for the running cell: ${busy.doing[0].toLowerCase()}${busy.doing.slice(1)}.`;
    this.say(this.wait.textContent);
  }

  /** Return a text about a kernel that doesn't answer. In some front ends, such as VS Code, a choice reaches the kernel after the cell. */
  silence() {
    const chosen = this.isMine ? " Your choice takes effect after the cell, and you can't cancel it now." : "";
    const again = this.popup ? "" : " If no cell is running, run this cell again.";
    return `Waiting for the running cell.${chosen}${again}`;
  }

  get profile() {
    return this.state?.identity?.profile ?? "";
  }

  /** Announce a text to screen readers. @param {string} text */
  say(text) {
    this.status.textContent = text;
  }

  // ---- the user

  /** Send a command that takes a while. @param {Command} command */
  command(command) {
    if (this.list.input.readOnly) return;
    if (this.root.matches(":focus-within")) this.list.input.focus(); // the focused element will be hidden
    this.isMine = true;
    this.list.close("profile" in command ? command.profile : this.profile);
    this.send(command);
  }

  cancel() {
    this.isMine = false;
    const { ask } = this.state ?? {};
    this.send(ask?.of_cell ? { do: "answer", question: ask.question, canceled: true } : { do: "cancel" });
    this.reset({ focus: true });
  }

  opened() {
    const { error, ask } = this.state ?? {};
    if (error || (ask && !ask.of_cell)) this.send({ do: "cancel" }); // a cell waits for its own question
    this.send({ do: "list" }); // the files may have changed
  }

  /** Open an empty tab at once, because browsers block a later one. */
  openConsole() {
    this.closeTab();
    if (inVsCode()) return this.send({ do: "console" });
    this.tab = window.open("about:blank", "_blank");
    this.error.textContent = this.tab ? "" : BLOCKED;
    if (!this.tab) return;
    this.tab.opener = null;
    this.send({ do: "console" });
  }

  closeTab() {
    this.tab?.close();
    this.tab = null;
  }

  /** Finish a successful command. */
  done() {
    this.reset({ focus: this.isHere() });
    this.popup?.done();
  }

  /** Close the list and the question, and show the active profile in the field. */
  reset({ focus = false } = {}) {
    this.list.close(this.profile);
    if (focus) this.list.input.focus();
  }

  /** Move the focus to the question, or to the field, with its list open unless there is an error. */
  begin() {
    if (this.question.isOpen) return this.question.focus();
    this.list.input.focus();
    if (!this.state?.error) this.list.open();
  }

  /** Return whether the focus is in this picker or on no element. */
  isHere() {
    const { activeElement } = document;
    return this.root.matches(":focus-within") || !activeElement || activeElement === document.body;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const path = event.composedPath();
    if (!path.includes(this.root) || isShortcut(event)) return;
    event.stopPropagation();
    if (event.isComposing) return;
    const canCancel = this.question.isOpen || !(this.then.hidden || this.cancelWait.hidden);
    // Holding down Enter chooses nothing, because the choice has only just appeared.
    if (event.key === "Enter" && event.repeat) event.preventDefault();
    else if (event.key === "Escape" && canCancel && !this.list.isOpen) {
      event.preventDefault(); // a popup around it stays open
      this.cancel();
    } else if (path[0] === this.list.input) this.list.key(event);
  }

  /**
   * Close the list when the focus has left the picker. If a click took the focus, the click ends first,
   * because everything below the list moves up.
   */
  focusLeft() {
    const check = () => setTimeout(() => {
      if (this.root.matches(":focus-within") || !document.hasFocus()) return;
      if (this.list.isOpen) this.reset();
      this.popup?.left();
    });
    if (this.isPressed) addEventListener("pointerup", check, { once: true, capture: true, signal: this.ending.signal });
    else check();
  }
}
