// One profile as a row of the list.

import { h, icon } from "./dom.js";
import { ACCOUNT, KIND, MFA, NAME, PROTECTED, REGION, ROLE, SOURCE } from "./messages.js";

/** @import { Row } from "./messages.js" */

/**
 * How a row is shown.
 *
 * @typedef {object} RowState
 * @property {string} id
 * @property {number} index  its place in the list
 * @property {number} of  number of rows in the list
 * @property {number} top  its distance from the top of the list, in pixels
 * @property {string[]} words  what is searched for
 * @property {boolean} isPinned
 * @property {boolean} isCurrent  whether the notebook works as this profile
 * @property {boolean} endsTop  whether it is the last of the pinned and recently used profiles
 */

/**
 * Draw a profile.
 *
 * @param {Row} row
 * @param {RowState} state
 */
export function profileRow(row, state) {
  const { words } = state;
  /** @type {(kind: string, ...content: (Node | string | null)[]) => HTMLElement} */
  const cell = (kind, ...content) =>
    h("span", { class: `ipyap-cell ${kind}`.trim(), "aria-hidden": "true" }, ...content);
  const sentence = [...described(row), ...(state.isPinned ? ["pinned"] : [])].join(", ");
  const classes = ["ipyap-row"];
  if (row[PROTECTED]) classes.push("ipyap-protected");
  if (state.endsTop) classes.push("ipyap-ends-top");
  return h(
    "div",
    {
      class: classes.join(" "),
      role: "option",
      id: state.id,
      style: `top:${state.top}px`,
      title: described(row).join("\n"),
      "aria-selected": String(state.isCurrent),
      "aria-posinset": state.index + 1,
      "aria-setsize": state.of,
      "data-index": state.index,
    },
    h(
      "span",
      {
        class: `ipyap-pin${state.isPinned ? " ipyap-pinned" : ""}`,
        title: state.isPinned ? "Unpin" : "Pin",
        "aria-hidden": "true",
      },
      icon("star"),
    ),
    cell(
      "ipyap-long",
      shortened(row[NAME], words, row[PROTECTED] ? icon("lock") : null),
      row[SOURCE] ? h("span", { class: "ipyap-source" }, " ← ", ...marked(row[SOURCE], words)) : null,
    ),
    cell("ipyap-long", shortened(row[ROLE], words)),
    cell("", h("span", { class: "ipyap-tag" }, row[KIND])),
    cell("ipyap-mono", ...marked(row[ACCOUNT], words)),
    cell("ipyap-mono", ...marked(row[REGION], words)),
    cell("ipyap-end", row[MFA] ? h("span", { class: "ipyap-tag ipyap-mfa" }, "MFA") : null),
    // What a screen reader says: it would read a shortened name as two.
    h("span", { class: "ipyap-unseen" }, sentence),
  );
}

const SHORT = 12, LONGEST_END = 32, USUAL_END = 16; // characters

/**
 * Show a name in two parts, of which the first gives way where there is no room for both: names
 * of a company begin alike, and their ends tell them apart.
 *
 * @param {string} name
 * @param {string[]} words  which are marked in it
 * @param {Node | null} before
 */
function shortened(name, words, before = null) {
  const end = name.length > SHORT ? Math.min(LONGEST_END, Math.ceil(name.length * 0.55)) : name.length;
  const from = name.length - end;
  const word = name.slice(from).search(/[-_./@ ]|[A-Z](?=[a-z])/);
  const cut = from === 0 ? 0 : word >= 0 ? from + word : name.length - Math.min(USUAL_END, end);
  return h(
    "span",
    { class: "ipyap-name" },
    before,
    cut ? h("span", { class: "ipyap-begin" }, ...marked(name, words, 0, cut)) : null,
    h("span", { class: "ipyap-rest" }, ...marked(name, words, cut)),
  );
}

/**
 * Return a part of a text with each of the words marked in it.
 *
 * @param {string} text
 * @param {string[]} words
 * @param {number} from
 * @param {number} until
 */
function marked(text, words, from = 0, until = text.length) {
  if (!words.length) return [text.slice(from, until)];
  const escaped = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  /** @type {(Node | string)[]} */
  const parts = [];
  let done = from;
  for (const { index, 0: word } of text.matchAll(new RegExp(escaped.join("|"), "gi"))) {
    const start = Math.max(index, done), end = Math.min(index + word.length, until);
    if (start >= end) continue;
    parts.push(text.slice(done, start), h("mark", {}, text.slice(start, end)));
    done = end;
  }
  return [...parts, text.slice(done, until)];
}

/**
 * Return what there is to say of a profile, for its tooltip, below the list, and for screen readers.
 *
 * @param {Row} row
 */
export function described(row) {
  const lines = [row[SOURCE] ? `${row[NAME]} ← ${row[SOURCE]}` : row[NAME]];
  if (row[ROLE]) lines.push(`role ${row[ROLE]}`);
  lines.push(row[KIND]);
  if (row[ACCOUNT]) lines.push(`account ${row[ACCOUNT]}`);
  if (row[REGION]) lines.push(`Region ${row[REGION]}`);
  if (row[MFA]) lines.push("MFA");
  if (row[PROTECTED]) lines.push("protected");
  return lines;
}
