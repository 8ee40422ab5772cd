// The field that shows the active profile and searches the list below it.
// It is a combobox: https://www.w3.org/WAI/ARIA/apg/patterns/combobox/

import { h, icon, visible } from "./dom.js";
import { ProfileList, ROWS_SHOWN } from "./profile_list.js";
import { wordsOf } from "./profiles.js";

/** @import { Profiles } from "./profiles.js" */

/**
 * @typedef {object} SearchActions
 * @property {() => void} open  the list was opened
 * @property {() => void} leave  the list was left without a choice
 * @property {() => void} keep  the active profile was confirmed
 * @property {(name: string) => void} pick
 * @property {(name: string, pinned: boolean) => void} pin
 * @property {(sso: string, fresh: boolean) => void} listRoles
 * @property {(text: string) => void} say  announces a text to screen readers
 */

export class SearchField {
  /**
   * @param {Profiles} profiles
   * @param {string} id  prefix of the ids in the page
   * @param {SearchActions} actions
   */
  constructor(profiles, id, actions) {
    this.profiles = profiles;
    this.actions = actions;
    this.text = ""; // the text typed since the list was opened
    this.isBusy = false;
    this.list = new ProfileList(profiles, id, {
      pick: actions.pick,
      pin: (name) => this.pin(name),
      listRoles: actions.listRoles,
      point: () => this.referToActive(),
    });
    this.input = h("input", {
      class: "ipyap-input",
      role: "combobox",
      type: "text",
      spellcheck: "false",
      autocomplete: "off",
      autocapitalize: "off",
      "aria-label": "AWS profile",
      "aria-autocomplete": "list",
      "aria-haspopup": "listbox",
      "aria-expanded": "false",
      "aria-controls": `${id}-list`,
      "aria-keyshortcuts": "Alt+P",
      "aria-describedby": `${id}-keys`,
      placeholder: "Search profiles",
      oninput: () => this.typed(),
      // Typing into the closed field replaces the profile that it shows.
      onbeforeinput: (event) => {
        if (!this.isOpen && !event.isComposing) this.input.select();
      },
      onclick: () => this.open(),
      onkeydown: (event) => this.key(event),
    });
    this.note = h("span", { class: "ipyap-count", "aria-hidden": "true" });
    const toggle = h(
      "button",
      {
        class: "ipyap-toggle",
        type: "button",
        tabindex: -1,
        "aria-label": "Show the profiles",
        onmousedown: (event) => event.preventDefault(),
        onclick: () => (this.isOpen ? actions.leave() : this.open()),
      },
      icon("chevron"),
    );
    this.element = h("div", { class: "ipyap-field" }, icon("search"), this.input, this.note, toggle);
  }

  get isOpen() {
    return !this.list.element.hidden;
  }

  /**
   * Open the list.
   *
   * @param {string} text  the search text, as if the user had typed it
   */
  open(text = "") {
    if (this.isOpen || this.isBusy) return;
    this.text = text;
    if (text) this.input.value = text;
    else this.input.select();
    this.list.element.hidden = false;
    this.element.classList.add("ipyap-open");
    this.input.setAttribute("aria-expanded", "true");
    this.search();
    this.actions.open();
  }

  close() {
    this.list.element.hidden = true;
    this.element.classList.remove("ipyap-open");
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
    this.note.textContent = "";
  }

  /**
   * Show that a command is running or, with an empty text, that no command is running.
   *
   * @param {string} text
   */
  showWait(text) {
    this.isBusy = text !== "";
    this.input.readOnly = this.isBusy;
    this.note.textContent = visible(text);
  }

  /**
   * Change the profiles or their order; in an open list, the active row stays active.
   *
   * @param {() => void} change
   */
  changeProfiles(change) {
    const { activeEntry: seen, isPointedAt } = this.list;
    change();
    const { total, version } = this.profiles;
    this.input.placeholder = total || !version ? `Search ${counted(total)}` : "No profiles";
    if (!this.isOpen) return;
    this.search();
    if (seen && isPointedAt) this.list.moveTo(seen);
    this.referToActive();
  }

  typed() {
    if (this.isBusy) return;
    if (!this.isOpen) this.open(this.input.value);
    else {
      this.text = this.input.value;
      this.search();
    }
  }

  search() {
    this.list.search(wordsOf(this.text));
    const found = this.list.shown.length;
    const { total } = this.profiles;
    this.note.textContent =
      found === total ? "" : `${found.toLocaleString("en")} of ${total.toLocaleString("en")}`;
    this.referToActive();
    if (this.text) this.actions.say(counted(found));
  }

  /** Tell assistive technology which row is active. */
  referToActive() {
    const { activeId } = this.list;
    if (activeId) this.input.setAttribute("aria-activedescendant", activeId);
    else this.input.removeAttribute("aria-activedescendant");
  }

  /**
   * Pin or unpin a profile; the list keeps its active row and its scroll position.
   *
   * @param {string} name
   */
  pin(name) {
    const pinned = !this.profiles.pins.has(name);
    const others = [...this.profiles.pins].filter((other) => other !== name);
    this.profiles.arrange(pinned ? [...others, name] : others, this.profiles.recent);
    const { active } = this.list;
    const { scrollTop } = this.list.box;
    this.search();
    this.list.box.scrollTop = scrollTop;
    if (active >= 0) this.list.move(active);
    this.referToActive();
    this.actions.pin(name, pinned);
    this.actions.say(pinned ? `${name} is pinned.` : `${name} is no longer pinned.`);
  }

  /** Toggle whether the next switch is read-only. */
  toggleReadOnly() {
    const { readOnly } = this.list;
    readOnly.click();
    this.actions.say(readOnly.checked ? "The next switch is read-only." : "The next switch isn't read-only.");
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.isComposing) return;
    const act = this.isOpen ? this.keyInList(event) : this.keyWhenClosed(event);
    if (!act) return;
    if (event.key !== "Escape") event.preventDefault(); // it closes the popup around the list, too
    act();
  }

  /**
   * Return what a key does while the list is closed, or null.
   *
   * @param {KeyboardEvent} event
   */
  keyWhenClosed({ key }) {
    return ["ArrowDown", "ArrowUp", "Enter"].includes(key) ? () => this.open() : null;
  }

  /**
   * Return what a key does while the list is open, or null.
   *
   * @param {KeyboardEvent} event
   */
  keyInList({ key, code, altKey }) {
    const { active, activeName, isPointedAt, shown } = this.list;
    if (altKey && code === "KeyP") return () => activeName !== null && this.pin(activeName);
    if (altKey && code === "KeyR") return () => this.toggleReadOnly();
    /** @param {number} place */
    const moveTo = (place) => () => {
      this.list.move(place);
      this.referToActive();
    };
    switch (key) {
      case "ArrowDown": return moveTo(active + 1);
      case "ArrowUp": return moveTo(active - 1);
      case "PageDown": return moveTo(active + ROWS_SHOWN - 1);
      case "PageUp": return moveTo(active - ROWS_SHOWN + 1);
      case "Home": return moveTo(0);
      case "End": return moveTo(shown.length - 1);
      case "Enter":
        return () => activeName !== null && (isPointedAt ? this.actions.pick(activeName) : this.actions.keep());
      case "Escape": return () => this.actions.leave();
      default: return null;
    }
  }
}

/**
 * Return a number of profiles in words.
 *
 * @param {number} profiles
 */
const counted = (profiles) => `${profiles.toLocaleString("en")} profile${profiles === 1 ? "" : "s"}`;
