// The profiles: their order, and which of them match a search.

import { ACCOUNT, NAME, REGION, ROLE, SOURCE } from "./messages.js";

/** @import { Row } from "./messages.js" */

export class Profiles {
  constructor() {
    /** @type {Row[]} */
    this.rows = [];
    this.version = 0; // as Python counts them; 0 until the first list is there
    /** @type {Set<string>} */
    this.pins = new Set();
    /** @type {string[]} */
    this.recent = [];
    /** @type {number[]} indexes of the rows, in the order in which the list shows them */
    this.order = [];
    this.atTop = 0; // number of pinned and recently used profiles, which come first
    /** @type {Map<string, number>} */
    this.indexes = new Map();
    /** @type {string[]} */
    this.names = [];
    /** @type {string[]} all texts of each row that a search looks into */
    this.texts = [];
  }

  /**
   * Replace the profiles. `arrange` has to follow.
   *
   * @param {Row[]} rows
   * @param {number} version
   */
  replace(rows, version) {
    this.rows = rows;
    this.version = version;
    this.indexes = new Map(rows.map((row, index) => [row[NAME], index]));
    this.names = rows.map((row) => row[NAME].toLowerCase());
    this.texts = rows.map((row) =>
      [row[NAME], row[ACCOUNT], row[ROLE], row[REGION], row[SOURCE]].join("\n").toLowerCase(),
    );
    // The first search is slow, since the engine prepares texts and code when they are first used.
    // This search finds nothing, and makes that of the first keystroke fast.
    setTimeout(() => this.matching(["\0"]));
  }

  /**
   * Put the pinned profiles first, then the recently used ones, then all others as in the files.
   *
   * @param {string[]} pins
   * @param {string[]} recent
   */
  arrange(pins, recent) {
    this.pins = new Set(pins);
    this.recent = recent;
    /** @type {Set<number>} */
    const top = new Set();
    for (const name of [...pins, ...recent]) {
      const index = this.indexes.get(name);
      if (index !== undefined) top.add(index);
    }
    this.atTop = top.size;
    this.order = [...top];
    for (let index = 0; index < this.rows.length; index++) {
      if (!top.has(index)) this.order.push(index);
    }
  }

  /**
   * Whether the profiles are in this order already.
   *
   * @param {string[]} pins
   * @param {string[]} recent
   */
  isArranged(pins, recent) {
    return [...this.pins].join("\n") === pins.join("\n") && this.recent.join("\n") === recent.join("\n");
  }

  /**
   * Return the Region of a profile; empty if the files name none.
   *
   * @param {string} name
   */
  regionOf(name) {
    const index = this.indexes.get(name);
    return index === undefined ? "" : this.rows[index][REGION];
  }

  /**
   * Return the indexes of the rows in which each word is somewhere: first the profile of that
   * name, then names that begin with the first word, then names that contain it, then the rest.
   *
   * @param {string[]} words  in lower case
   * @returns {number[]}
   */
  matching(words) {
    if (!words.length) return this.order;
    const [first] = words;
    /** @type {number[][]} */
    const ranks = [[], [], [], []];
    for (const index of this.order) {
      const text = this.texts[index];
      if (!words.every((word) => text.includes(word))) continue;
      const name = this.names[index];
      const rank = name === first ? 0 : name.startsWith(first) ? 1 : name.includes(first) ? 2 : 3;
      ranks[rank].push(index);
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
