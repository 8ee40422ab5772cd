// The profiles, their order, and the search.

import { ACCOUNT, KIND, MFA, NAME, REGION, ROLE, SOURCE } from "./messages.js";

/** @import { Row } from "./messages.js" */

/**
 * A profile, and its texts for searching, in lower case. An entry stays the profile that the user
 * saw, even after a new list arrives.
 *
 * @typedef {object} Entry
 * @property {Row} row
 * @property {string} name
 * @property {string} text  all texts of the row
 */

/** The columns that the list can leave out, by their names in the style sheet. */
const COLUMNS = { role: ROLE, kind: KIND, account: ACCOUNT, region: REGION, mfa: MFA };

export class Profiles {
  constructor() {
    /** @type {Entry[]} in the order of the files */
    this.entries = [];
    this.same = ""; // the names of the columns with equal values in all rows, separated by spaces
    this.version = 0; // Python's version number; 0 until the first list arrives
    /** @type {Set<string>} */
    this.pins = new Set();
    /** @type {string[]} */
    this.recent = [];
    /** @type {Entry[]} in the order in which the list shows them */
    this.order = [];
    this.atTop = 0; // the number of pinned and recently used profiles, which come first
    /** @type {Map<string, Entry>} */
    this.byName = new Map();
  }

  get total() {
    return this.entries.length;
  }

  /**
   * Replace the profiles and their order.
   *
   * @param {Row[]} rows
   * @param {number} version
   * @param {string[]} pins
   * @param {string[]} recent
   */
  replace(rows, version, pins, recent) {
    this.version = version;
    this.entries = rows.map((row) => ({
      row,
      name: row[NAME].toLowerCase(),
      text: [row[NAME], row[ACCOUNT], row[ROLE], row[REGION], row[SOURCE]].join("\n").toLowerCase(),
    }));
    const [first, ...others] = rows;
    const isSame = (/** @type {number} */ column) => others.length > 0 && others.every((row) => row[column] === first[column]);
    this.same = Object.entries(COLUMNS).filter(([, column]) => isSame(column)).map(([name]) => name).join(" ");
    this.byName = new Map(this.entries.map((entry) => [entry.row[NAME], entry]));
    this.arrange(pins, recent);
    // The first search is slow, because the engine prepares texts and code on first use. This
    // search finds nothing, and makes the search at the first keystroke fast.
    setTimeout(() => this.matching(["\0"]));
  }

  /**
   * Put the pinned profiles first, then the recently used ones, then all others in file order.
   *
   * @param {string[]} pins
   * @param {string[]} recent
   */
  arrange(pins, recent) {
    this.pins = new Set(pins);
    this.recent = recent;
    /** @type {Set<Entry>} */
    const top = new Set();
    for (const name of [...pins, ...recent]) {
      const entry = this.byName.get(name);
      if (entry) top.add(entry);
    }
    this.atTop = top.size;
    this.order = [...top];
    for (const entry of this.entries) {
      if (!top.has(entry)) this.order.push(entry);
    }
  }

  /**
   * Return whether the profiles are already in this order.
   *
   * @param {string[]} pins
   * @param {string[]} recent
   */
  isArranged(pins, recent) {
    return [...this.pins].join("\n") === pins.join("\n") && this.recent.join("\n") === recent.join("\n");
  }

  /**
   * Return the Region of a profile; empty if the files don't set a Region.
   *
   * @param {string} name
   */
  regionOf(name) {
    return this.byName.get(name)?.row[REGION] ?? "";
  }

  /**
   * Return the profiles that contain every word: first the profile with that name, then names that
   * begin with the first word, then names that contain it, then the others.
   *
   * @param {string[]} words  in lower case
   * @returns {Entry[]}
   */
  matching(words) {
    if (!words.length) return this.order;
    const [first] = words;
    /** @type {Entry[][]} */
    const ranks = [[], [], [], []];
    for (const entry of this.order) {
      const { name, text } = entry;
      if (!words.every((word) => text.includes(word))) continue;
      const rank = name === first ? 0 : name.startsWith(first) ? 1 : name.includes(first) ? 2 : 3;
      ranks[rank].push(entry);
    }
    return ranks.flat();
  }
}

/**
 * Return the words of a search, in lower case.
 *
 * @param {string} text
 */
export const wordsOf = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);
