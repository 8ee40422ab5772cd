// The field that shows the active profile, and searches the list of profiles below it.
// It is a combobox: https://www.w3.org/WAI/ARIA/apg/patterns/combobox/
//
// Only the visible rows are in the page, so the number of profiles doesn't matter. A row is higher if
// its name doesn't fit in one line, because names can differ anywhere.

import { h, icon, pushButton } from "./dom.js";

/**
 * The columns of a row from Python, and a row for the search, with its name and text in lower case.
 * @typedef {[name: string, account: string, role: string, region: string, isProtected: boolean, kind: string]} Row
 * @typedef {{ row: Row, name: string, text: string }} Entry
 */
const NAME = 0, ACCOUNT = 1, ROLE = 2, REGION = 3, PROTECTED = 4, KIND = 5;
const BESIDE_NAME = /** @type {const} */ ([ROLE, ACCOUNT, REGION, KIND]); // in the order of the cells

const ROWS_SHOWN = 9;
const OVERSCAN = 4; // rows drawn above and below the visible ones
const HEADINGS = ["profile", "role", "account", "region", "kind"];
const LOCK = 18; // pixels of the icon before a protected name
const NARROWEST = 48, WIDEST = 320; // pixels of a column; each heading fits in the narrowest
const KEYS = [["↑↓", "choose"], ["Enter", "switch"], ["Esc", "close"]];

const counted = (/** @type {number} */ number) => `${number.toLocaleString("en")} profile${number === 1 ? "" : "s"}`;

/** Return a function that returns a text's width in pixels. @param {string} font */
function widthIn(font) {
  const context = /** @type {CanvasRenderingContext2D} */ (document.createElement("canvas").getContext("2d"));
  context.font = font;
  return (/** @type {string} */ text) => context.measureText(text).width;
}

export class ProfileList {
  /**
   * `actions` has the functions that the list calls: `open` when the user has opened it, `leave` when
   * the user has left it without a choice, `keep` when the user has confirmed the active profile,
   * `pick(name, readOnly)`, and `say(text)` to announce a text to screen readers.
   * @param {{ open(): void, leave(): void, keep(): void, pick(name: string, readOnly: boolean): void, say(text: string): void }} actions
   */
  constructor(actions) {
    this.actions = actions;
    this.id = `ipyap-${Math.random().toString(36).slice(2)}`; // each picker can have a separate script
    this.json = ""; // the profiles as Python sent them; empty before
    this.entries = /** @type {Entry[]} */ ([]);
    this.matches = /** @type {Entry[]} */ ([]); // the entries that match the search, in the order in which the user sees them
    this.words = /** @type {string[]} */ ([]);
    this.current = /** @type {string | null} */ (null); // the notebook's active profile
    this.active = -1; // the index of the highlighted row
    this.isPointedAt = false; // whether the user has highlighted it. Enter chooses it only then.
    this.drawn = /** @type {Map<number, HTMLElement>} */ (new Map()); // the rows in the page, by index
    this.height = 30; // of a row whose name fits in one line, in pixels
    this.heights = /** @type {Map<Entry, number>} */ (new Map()); // of the other rows
    this.tops = [0]; // where each row begins, and the end of the last one

    /** @type {HTMLInputElement} */
    this.input = h("input", {
      class: "ipyap-input",
      role: "combobox",
      type: "text",
      spellcheck: "false",
      autocomplete: "off",
      autocapitalize: "off",
      placeholder: "Search profiles",
      "aria-label": "AWS profile",
      "aria-autocomplete": "list",
      "aria-haspopup": "listbox",
      "aria-expanded": "false",
      "aria-controls": this.id,
      "aria-describedby": `${this.id}-keys`,
      oninput: () => (this.isOpen ? this.search() : this.open(this.input.value)),
      // Typing into the closed field replaces the profile that it shows.
      onbeforeinput: (event) => !this.isOpen && !event.isComposing && this.input.select(),
      onclick: () => this.open(),
    });
    this.note = h("span", { class: "ipyap-note", "aria-hidden": "true" });
    const toggle = pushButton(() => (this.isOpen ? actions.leave() : this.open()), icon("chevron"));
    toggle.className = "ipyap-toggle";
    toggle.tabIndex = -1;
    toggle.ariaLabel = "Show the profiles";
    this.field = h("div", { class: "ipyap-field" }, icon("search"), this.input, this.note, toggle);

    this.spacer = h("div", { class: "ipyap-spacer", role: "presentation" });
    this.box = h(
      "div",
      {
        class: "ipyap-rows",
        role: "listbox",
        id: this.id,
        "aria-label": "AWS profiles",
        onscroll: () => this.draw(),
        onmousemove: ({ target }) => this.highlight(indexIn(target), { scroll: false }),
        onclick: ({ target }) => indexIn(target) >= 0 && this.pick(indexIn(target)),
      },
      this.spacer,
    );
    this.empty = h("div", { class: "ipyap-empty" });
    const head = h("div", { class: "ipyap-head", "aria-hidden": "true" }, ...HEADINGS.map((heading) => h("span", {}, heading)));
    this.readOnly = h("input", { type: "checkbox", onchange: () => (this.isPointedAt = true) });
    const keys = KEYS.map(([key, does]) => h("span", {}, h("b", {}, key), ` ${does} `));
    this.element = h(
      "div",
      { class: "ipyap-list", hidden: true },
      head,
      h("div", { class: "ipyap-body" }, this.box, this.empty),
      h(
        "div",
        { class: "ipyap-foot" },
        h("label", { class: "ipyap-limit", title: "Limit the session to reading" }, this.readOnly, "Read-only"),
        h("div", { class: "ipyap-keys", id: `${this.id}-keys` }, ...keys),
      ),
    );
    // The field keeps the focus while the mouse chooses a row.
    for (const part of [toggle, this.box]) part.addEventListener("mousedown", (event) => event.preventDefault());
    this.resized = new ResizeObserver(() => this.isOpen && this.measure());
    this.resized.observe(this.field);
  }

  get isOpen() {
    return !this.element.hidden;
  }

  /** Open the list, with a text that the user has typed. */
  open(text = "") {
    if (this.isOpen || this.input.readOnly) return;
    this.element.hidden = false;
    this.field.classList.add("ipyap-open");
    this.input.setAttribute("aria-expanded", "true");
    if (!text) this.input.select();
    this.search(text);
    this.measure();
    this.actions.open();
  }

  /** Close the list, and show a text in the field. @param {string} text */
  close(text) {
    this.element.hidden = true;
    this.field.classList.remove("ipyap-open");
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
    this.note.textContent = "";
    this.input.value = text;
  }

  /** Replace the rows. The `recent` profiles come first, then the files' order. @param {string} json @param {string[]} recent */
  replace(json, recent) {
    if (json === this.json && recent.join("\n") === this.recent) return;
    this.recent = recent.join("\n");
    if (json !== this.json) {
      this.json = json;
      this.entries = JSON.parse(json).map((/** @type {Row} */ row) => ({
        row,
        name: row[NAME].toLowerCase(),
        text: row.slice(0, PROTECTED).join("\n").toLowerCase(),
      }));
      this.input.placeholder = this.entries.length ? `Search ${counted(this.entries.length)}` : "Search profiles";
    }
    const first = this.entries.filter(({ row }) => recent.includes(row[NAME]));
    first.sort((one, other) => recent.indexOf(one.row[NAME]) - recent.indexOf(other.row[NAME]));
    this.order = [...first, ...this.entries.filter(({ row }) => !recent.includes(row[NAME]))];
    if (!this.isOpen) return;
    const { activeEntry: before, isPointedAt } = this;
    this.search(this.words.length ? this.input.value : "");
    if (isPointedAt) this.highlight(this.matches.findIndex(({ name }) => name === before?.name));
    this.measure();
  }

  get activeEntry() {
    return this.matches[this.active];
  }

  /** Show the profiles that match a text, with the first one highlighted, or the active profile. */
  search(text = this.input.value) {
    this.words = text.toLowerCase().split(/\s+/).filter(Boolean);
    this.matches = matching(this.order ?? [], this.words);
    const isSimilar = !this.matches.length;
    if (isSimilar) this.matches = similar(this.order ?? [], this.words);
    this.isPointedAt = this.words.length > 0 && !isSimilar; // a similar name must be chosen
    this.active = this.isPointedAt ? 0 : isSimilar ? -1 : this.matches.findIndex(({ row }) => row[NAME] === this.current);
    const total = this.entries.length;
    this.empty.hidden = this.matches.length > 0;
    this.empty.textContent = total
      ? "No profile matches all of these words."
      : this.json ? "" : "Reading the config files …";
    this.note.textContent = this.matches.length === total ? "" : `${this.matches.length.toLocaleString("en")} of ${total.toLocaleString("en")}`;
    if (this.isPointedAt && total) this.actions.say(counted(this.matches.length));
    this.spacer.replaceChildren();
    this.drawn.clear();
    this.box.scrollTop = 0;
    this.place();
    this.scroll();
  }

  /** Give each column the width that its texts need, and each row the height that its name needs. */
  measure() {
    if (!this.json) return;
    const widest = this.widest();
    const probe = this.row({ row: widest }, 0);
    probe.classList.add("ipyap-probe"); // as wide as its texts
    this.spacer.replaceChildren(probe);
    const [, role, account, region, kind] = [...probe.children].map((cell) => Math.ceil(cell.getBoundingClientRect().width));
    const width = (/** @type {number} */ needed) => Math.min(WIDEST, Math.max(NARROWEST, needed));
    const columns = ["minmax(30%, 1fr)", ...[role, account].map((needed) => `minmax(${NARROWEST}px, ${width(needed)}px)`), `${width(region)}px`, `${width(kind)}px`];
    this.element.style.setProperty("--ipyap-columns", columns.join(" "));
    const [short] = this.probe([{ row: widest }]);
    const name = /** @type {HTMLElement} */ (short.firstElementChild);
    const nameWidth = widthIn(getComputedStyle(name).font);
    const room = name.clientWidth - (widest[PROTECTED] ? LOCK : 0);
    this.height = short.offsetHeight;
    const long = this.entries.filter(({ row }) => nameWidth(row[NAME]) >= room - 1);
    this.heights = new Map(this.probe(long).map((element, index) => [long[index], element.offsetHeight]));
    this.spacer.replaceChildren();
    this.drawn.clear();
    this.place();
    this.scroll();
  }

  /** Return a row with a short name, and with the value of each other column that needs the most room. */
  widest() {
    const isAnyProtected = this.entries.some(({ row }) => row[PROTECTED]);
    const widest = /** @type {Row} */ (["x", "", "", "", isAnyProtected, ""]);
    const [example] = this.probe([{ row: widest }]);
    const cells = [...example.children].slice(1);
    for (const [index, column] of BESIDE_NAME.entries()) {
      // Of two texts with as many letters, one can be wider.
      const width = widthIn(getComputedStyle(cells[index]).font);
      for (const text of new Set(this.entries.map(({ row }) => row[column]))) {
        if (width(text) > width(widest[column])) widest[column] = text;
      }
    }
    return widest;
  }

  /** Draw rows that have the height of their texts. @param {{ row: any }[]} entries */
  probe(entries) {
    const elements = entries.map((entry) => this.row(entry, 0));
    for (const element of elements) element.style.height = "auto";
    this.spacer.replaceChildren(...elements);
    return elements;
  }

  /** Compute where each row begins. The list is as high as its rows, within limits. */
  place() {
    let top = 0;
    this.tops = [0];
    for (const entry of this.matches) {
      top += this.heights.get(entry) ?? this.height;
      this.tops.push(top);
    }
    this.spacer.style.height = `${top}px`;
    this.box.style.height = `${Math.max(2 * this.height, Math.min(top, ROWS_SHOWN * this.height))}px`;
  }

  /** Return the index of the row at a distance from the first row's top. @param {number} distance */
  rowAt(distance) {
    let from = 0, until = this.matches.length;
    while (until - from > 1) {
      const middle = (from + until) >> 1;
      if (this.tops[middle] <= distance) from = middle;
      else until = middle;
    }
    return from;
  }

  /** Highlight the row with an index. @param {number} index */
  highlight(index, { scroll = true } = {}) {
    if (index < 0 || !this.matches.length) return;
    this.isPointedAt = true;
    if (index === this.active) return;
    this.active = Math.min(this.matches.length - 1, index);
    if (scroll) this.scroll();
    else this.draw();
  }

  /** Scroll to the highlighted row. */
  scroll() {
    const top = this.tops[this.active] ?? 0, bottom = this.tops[this.active + 1] ?? 0;
    const { scrollTop, clientHeight } = this.box;
    if (top < scrollTop) this.box.scrollTop = Math.max(0, top);
    else if (bottom > scrollTop + clientHeight) this.box.scrollTop = bottom - clientHeight;
    this.draw();
  }

  /** Put the visible rows into the page. A row keeps its element, because a click must end where it began. */
  draw() {
    const { scrollTop, clientHeight } = this.box;
    const from = Math.max(0, this.rowAt(scrollTop) - OVERSCAN);
    const until = Math.min(this.matches.length, this.rowAt(scrollTop + clientHeight) + 1 + OVERSCAN);
    const isDrawn = (/** @type {number} */ index) => (index >= from && index < until) || index === this.active;
    for (const [index, element] of this.drawn) {
      if (!isDrawn(index)) {
        element.remove();
        this.drawn.delete(index);
      }
    }
    const visible = Array.from({ length: until - from }, (_, offset) => from + offset);
    for (const index of [...visible, ...(this.activeEntry ? [this.active] : [])]) {
      let element = this.drawn.get(index);
      if (!element) {
        element = this.row(this.matches[index], index);
        this.drawn.set(index, element);
        this.spacer.append(element);
      }
      element.classList.toggle("ipyap-active", index === this.active);
    }
    if (this.isOpen && this.activeEntry) this.input.setAttribute("aria-activedescendant", `${this.id}-${this.active}`);
    else this.input.removeAttribute("aria-activedescendant");
  }

  /** Return the element of a row. @param {{ row: Row }} entry @param {number} index */
  row({ row }, index) {
    const title = [row[NAME], row[ROLE] && `role ${row[ROLE]}`, row[ACCOUNT] && `account ${row[ACCOUNT]}`, row[REGION], row[KIND], row[PROTECTED] && "protected"];
    return h(
      "div",
      {
        class: "ipyap-row",
        role: "option",
        id: `${this.id}-${index}`,
        style: `top:${this.tops[index]}px;height:${this.tops[index + 1] - this.tops[index]}px`,
        title: title.filter(Boolean).join("\n"),
        "aria-selected": String(row[NAME] === this.current),
        "aria-posinset": index + 1,
        "aria-setsize": this.matches.length,
        "data-index": index,
      },
      h("span", { class: "ipyap-name" }, row[PROTECTED] && icon("lock"), ...marked(row[NAME], this.words), row[PROTECTED] && h("span", { class: "ipyap-unseen" }, ", protected")),
      h("span", { class: "ipyap-role" }, row[ROLE]),
      h("span", { class: "ipyap-account" }, row[ACCOUNT]),
      h("span", { class: "ipyap-region" }, row[REGION]),
      h("span", { class: "ipyap-kind" }, row[KIND]),
    );
  }

  /** @param {number} index */
  pick(index) {
    this.actions.pick(this.matches[index].row[NAME], this.readOnly.checked);
  }

  /** Do what a key in the field does. @param {KeyboardEvent} event */
  key(event) {
    const { key } = event;
    const { active } = this;
    /** @type {Record<string, number>} */
    const move = { ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + ROWS_SHOWN - 1, PageUp: active - ROWS_SHOWN + 1, Home: 0, End: Infinity };
    if (!this.isOpen) {
      if (!["ArrowDown", "ArrowUp", "Enter"].includes(key)) return;
      this.open();
    } else if (key in move) this.highlight(Math.max(0, move[key]));
    else if (key === "Escape") this.actions.leave();
    else if (key !== "Enter") return;
    else if (this.isPointedAt && this.activeEntry) this.pick(active);
    else if (this.activeEntry) this.actions.keep();
    if (key !== "Escape") event.preventDefault(); // it closes the popup around the list, too
  }
}

/** Return the index of an event's row in the list, or -1. */
const indexIn = (/** @type {any} */ target) => Number(target.closest("[data-index]")?.dataset.index ?? -1);

/**
 * Return the entries that contain every word: first the profile with that name, then names that begin
 * with the first word, then names that contain it, then the others.
 * @param {Entry[]} entries @param {string[]} words
 */
function matching(entries, words) {
  if (!words.length) return entries;
  const [first] = words;
  const ranks = /** @type {Entry[][]} */ ([[], [], [], []]);
  for (const entry of entries) {
    const { name, text } = entry;
    if (!words.every((word) => text.includes(word))) continue;
    const rank = [name === first, name.startsWith(first), name.includes(first), true].indexOf(true);
    ranks[rank].push(entry);
  }
  return ranks.flat();
}

/**
 * Return the entries that contain a word similar to each word, whose end may not have been typed yet.
 * @param {Entry[]} entries @param {string[]} words
 */
function similar(entries, words) {
  return entries.filter(({ text }) => {
    const parts = text.split(/[^\p{L}\p{N}]+/u);
    return words.every((word) => text.includes(word) || parts.some((part) => isBeginning(word, part)));
  });
}

/** Return whether a text begins with a word that has one letter more, less or different, or two swapped. @param {string} word @param {string} text */
function isBeginning(word, text) {
  const { length } = word;
  return length > 3 && [length - 1, length, length + 1].some((end) => differInOneLetter(word, text.slice(0, end)));
}

/** @param {string} one @param {string} other */
function differInOneLetter(one, other) {
  let from = 0, until = 0;
  while (from < one.length && one[from] === other[from]) from++;
  while (until < Math.min(one.length, other.length) - from && one.at(-1 - until) === other.at(-1 - until)) until++;
  const left = one.slice(from, one.length - until), right = other.slice(from, other.length - until);
  if (left.length === 2 && right.length === 2) return left[0] === right[1] && left[1] === right[0];
  return left.length < 2 && right.length < 2;
}

/** Return a text with the words of the search marked. @param {string} text @param {string[]} words */
function marked(text, words) {
  if (!words.length) return [text];
  const escaped = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const parts = text.split(new RegExp(`(${escaped.join("|")})`, "gi"));
  return parts.map((part, index) => (index % 2 ? h("mark", {}, part) : part));
}
