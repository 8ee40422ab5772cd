// One profile as a row of the list.

import { h, icon } from "./dom.js";
import { ACCOUNT, KIND, MFA, NAME, PROTECTED, REGION, ROLE, SOURCE } from "./messages.js";

/** @import { Row } from "./messages.js" */

/**
 * The state of a row in the list.
 *
 * @typedef {object} RowState
 * @property {string} id
 * @property {number} index  its place in the list
 * @property {number} of  number of rows in the list
 * @property {number} top  its distance from the top of the list, in pixels
 * @property {string[]} words  the words of the search
 * @property {boolean} isPinned
 * @property {boolean} isCurrent  whether this is the notebook's active profile
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
    // The text for screen readers, which would read a shortened name as two names.
    h("span", { class: "ipyap-unseen" }, sentence),
  );
}

const SHORT = 12, LONGEST_END = 32, USUAL_END = 16; // characters

/**
 * Show a name in two parts, and shorten the first part if both don't fit, because a company's names
 * often begin alike and differ at the end.
 *
 * @param {string} name
 * @param {string[]} words  the words to mark in it
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
 * Return a part of a text with all of the words marked.
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
 * Return a profile's description for its tooltip, the line below the list, and screen readers.
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
