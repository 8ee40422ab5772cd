// The list of profiles. Only the visible rows are in the page, regardless of the number of
// profiles.

import { h, visible } from "./dom.js";
import { NAME } from "./messages.js";
import { described, profileRow } from "./profile_row.js";
import { SignIns } from "./sign_ins.js";

/** @import { Entry, Profiles } from "./profiles.js" */

const ROW_HEIGHT = 28; // pixels, as in picker.css
export const ROWS_SHOWN = 9;
const OVERSCAN = 4; // rows drawn above and below the visible ones

const HEADS = ["", "profile", "role", "kind", "account", "region", ""];
const KEYS = [["↑↓", "choose"], ["Enter", "switch"], ["Alt P", "pin"], ["Alt R", "read-only"], ["Esc", "close"]];

/**
 * @typedef {object} ListActions
 * @property {(name: string) => void} pick  a profile was clicked
 * @property {(name: string) => void} pin  a profile's star was clicked
 * @property {(sso: string, fresh: boolean) => void} listRoles  the user wants to list the roles of a sign-in
 * @property {() => void} point  the mouse has activated another row
 */

export class ProfileList {
  /**
   * @param {Profiles} profiles
   * @param {string} id  prefix of the ids in the page
   * @param {ListActions} actions
   */
  constructor(profiles, id, actions) {
    this.profiles = profiles;
    this.id = id;
    this.actions = actions;
    /** @type {Entry[]} the profiles that match the search, in the order in which the user sees them */
    this.shown = [];
    /** @type {string[]} */
    this.words = [];
    this.active = -1; // the active row's place in the list, or -1
    // Whether the user has activated the row. Enter chooses it only then.
    this.isPointedAt = false;
    /** @type {string | null} the notebook's active profile */
    this.current = null;
    /** @type {Map<number, {element: HTMLElement, content: string}>} rows in the page, by place */
    this.drawn = new Map();

    this.spacer = h("div", { class: "ipyap-spacer", role: "presentation" });
    this.box = h(
      "div",
      {
        class: "ipyap-rows",
        role: "listbox",
        id: `${id}-list`,
        "aria-label": "AWS profiles",
        onscroll: () => this.draw(),
        onmousemove: (event) => this.point(event),
        onclick: (event) => this.click(event),
      },
      this.spacer,
    );
    this.empty = h("div", { class: "ipyap-empty", hidden: true });
    this.signIns = new SignIns(actions.listRoles);
    // Whether the next switch is read-only. It stays checked until the user changes it.
    this.readOnly = h("input", { type: "checkbox", onchange: () => (this.isPointedAt = true) });
    const limit = h("label", { class: "ipyap-limit", title: "Limit the session to reading" }, this.readOnly, "Read-only");
    const keys = KEYS.map(([key, does]) => h("span", {}, h("b", {}, key), ` ${does} `));
    // The full text of values that a narrow row shortens. A screen reader reads them from the row.
    this.detail = h("div", { class: "ipyap-detail", "aria-hidden": "true" });
    this.hasDetail = false; // whether a row has been shortened since the list was opened
    this.element = h(
      "div",
      {
        class: "ipyap-list",
        hidden: true,
        // The field keeps the focus while the mouse is in the list.
        onmousedown: (event) => event.preventDefault(),
      },
      h(
        "div",
        { class: "ipyap-row ipyap-head", "aria-hidden": "true" },
        ...HEADS.map((head) => h("span", {}, head)),
      ),
      this.box,
      this.empty,
      this.signIns.element,
      this.detail,
      h("div", { class: "ipyap-foot" }, limit, h("div", { class: "ipyap-keys", id: `${id}-keys` }, ...keys)),
    );
  }

  /** The entry of the active row, or undefined if there is none. */
  get activeEntry() {
    return this.shown[this.active];
  }

  /** The id of the active row, or null if there is none. */
  get activeId() {
    return this.activeEntry ? this.rowId(this.active) : null;
  }

  /** The name of the active row's profile, or null if there is none. */
  get activeName() {
    return this.activeEntry?.row[NAME] ?? null;
  }

  /** @param {number} place */
  rowId(place) {
    return `${this.id}-option-${place}`;
  }

  /**
   * Show the matching profiles, with the first one active or, without a search, the notebook's
   * profile. The height depends on all profiles, so that typing doesn't move anything.
   *
   * @param {string[]} words
   */
  search(words) {
    this.words = words;
    this.shown = this.profiles.matching(words);
    this.isPointedAt = words.length > 0;
    this.active = words.length ? 0 : this.shown.findIndex(({ row }) => row[NAME] === this.current);
    this.hasDetail &&= words.length > 0;
    const { total, same } = this.profiles;
    this.element.dataset.same = same;
    this.box.style.height = `${Math.min(Math.max(total, 2), ROWS_SHOWN) * ROW_HEIGHT}px`;
    this.spacer.style.height = `${this.shown.length * ROW_HEIGHT}px`;
    this.empty.hidden = this.shown.length > 0;
    this.empty.textContent = total
      ? "No profile matches all of these words."
      : this.profiles.version
        ? "There is no profile in the shared config files."
        : "Reading the shared config files …";
    this.box.scrollTop = 0;
    this.scroll();
  }

  /**
   * Activate another row, and scroll to it.
   *
   * @param {number} place
   */
  move(place) {
    this.isPointedAt = true;
    this.active = Math.max(0, Math.min(this.shown.length - 1, place));
    this.scroll();
  }

  /** Scroll to the active row, if there is one. */
  scroll() {
    const top = this.active * ROW_HEIGHT;
    const height = this.box.clientHeight;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (top + ROW_HEIGHT > this.box.scrollTop + height) {
      this.box.scrollTop = top + ROW_HEIGHT - height;
    }
    this.draw();
  }

  /**
   * Activate the row of a profile that the user saw. If a new list has arrived and the profile
   * isn't in it unchanged, no row is active, because Enter must not choose a profile that the user
   * hasn't seen.
   *
   * @param {Entry} seen
   */
  moveTo(seen) {
    const as = JSON.stringify(seen.row);
    const place = this.shown.findIndex(({ row }) => row[NAME] === seen.row[NAME]);
    if (place >= 0 && JSON.stringify(this.shown[place].row) === as) return this.move(place);
    this.active = -1;
    this.draw();
  }

  /** @param {MouseEvent} event */
  point(event) {
    const place = placeOf(event.target);
    if (place === null || place === this.active) return;
    this.isPointedAt = true;
    this.active = place;
    this.draw();
    this.actions.point();
  }

  /** @param {MouseEvent} event */
  click(event) {
    const place = placeOf(event.target);
    if (place === null) return;
    const name = this.shown[place].row[NAME];
    if (closest(event.target, ".ipyap-pin")) this.actions.pin(name);
    else this.actions.pick(name);
  }

  /**
   * Put the visible rows into the page. An unchanged row keeps its element, because a click must
   * end on the element where it began.
   */
  draw() {
    const from = Math.max(0, Math.floor(this.box.scrollTop / ROW_HEIGHT) - OVERSCAN);
    const until = Math.min(this.shown.length, from + ROWS_SHOWN + 2 * OVERSCAN);
    /** @type {number[]} */
    const places = [];
    for (let place = from; place < until; place++) places.push(place);
    // The active row stays in the page when it is scrolled away, because the field refers to it.
    if (this.activeEntry && this.active < from) places.unshift(this.active);
    if (this.activeEntry && this.active >= until) places.push(this.active);

    const drawn = new Map(places.map((place) => [place, this.row(place)]));
    for (const [place, { element }] of this.drawn) {
      if (drawn.get(place)?.element !== element) element.remove();
    }
    [...drawn].forEach(([place, { element }], position) => {
      element.classList.toggle("ipyap-active", place === this.active);
      const there = this.spacer.children[position];
      if (there !== element) this.spacer.insertBefore(element, there ?? null);
    });
    this.drawn = drawn;
    this.hasDetail ||= [...drawn.values()].some(({ element }) => isShortened(element, this.profiles.same));
    this.detail.hidden = !this.hasDetail;
    this.detail.textContent = this.activeEntry ? visible(described(this.activeEntry.row).join(" · ")) : "";
  }

  /**
   * Return the row at a place, drawn again only if its content has changed.
   *
   * @param {number} place
   */
  row(place) {
    const { row } = this.shown[place];
    const state = {
      id: this.rowId(place),
      index: place,
      of: this.shown.length,
      top: place * ROW_HEIGHT,
      words: this.words,
      isPinned: this.profiles.pins.has(row[NAME]),
      isCurrent: row[NAME] === this.current,
      endsTop: !this.words.length && place === this.profiles.atTop - 1 && place + 1 < this.shown.length,
    };
    const content = JSON.stringify([row, state]);
    const there = this.drawn.get(place);
    return there?.content === content ? there : { element: profileRow(row, state), content };
  }
}

/** The columns, by position. If a row omits one of them, the line below the list appears. */
const IN_DETAIL = ["", "role", "", "account", "region", "mfa"];

/**
 * Return whether a row is too narrow for all of its text.
 *
 * @param {HTMLElement} row
 * @param {string} same  the columns that all rows leave out
 */
function isShortened(row, same) {
  const isLeftOut = (/** @type {Element} */ cell, /** @type {number} */ column) =>
    cell.textContent && !cell.clientWidth && IN_DETAIL[column] && !same.includes(IN_DETAIL[column]);
  if ([...row.querySelectorAll(".ipyap-cell")].some(isLeftOut)) return true;
  const parts = row.querySelectorAll(".ipyap-cell, .ipyap-begin, .ipyap-rest, .ipyap-tag");
  return [...parts].some((part) => part.scrollWidth > part.clientWidth + 1 || part.scrollHeight > part.clientHeight + 6);
}

/**
 * @param {EventTarget | null} target
 * @param {string} selector
 * @returns {HTMLElement | null}
 */
const closest = (target, selector) => (target instanceof Element ? target.closest(selector) : null);

/**
 * Return the place in the list of an event's row, or null.
 *
 * @param {EventTarget | null} target
 */
function placeOf(target) {
  const row = closest(target, "[role=option]");
  return row ? Number(row.dataset.index) : null;
}
