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
  const cell = (kind, ...content) => h("span", { class: `ipyap-cell ${kind}`.trim() }, ...content);
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
      row[PROTECTED] ? icon("lock") : null,
      ...shortened(row[NAME], words),
      row[SOURCE] ? h("span", { class: "ipyap-source" }, " ← ", ...marked(row[SOURCE], words)) : null,
    ),
    cell("ipyap-long", row[ROLE] ? unseen(", role ") : null, ...shortened(row[ROLE], words)),
    cell("", unseen(", "), h("span", { class: "ipyap-tag" }, row[KIND])),
    cell("ipyap-mono", row[ACCOUNT] ? unseen(", account ") : null, ...marked(row[ACCOUNT], words)),
    cell("ipyap-mono", row[REGION] ? unseen(", Region ") : null, ...marked(row[REGION], words)),
    cell("ipyap-end", row[MFA] ? h("span", { class: "ipyap-tag ipyap-mfa" }, unseen(", "), "MFA") : null),
    unseen(`${row[PROTECTED] ? ", protected" : ""}${state.isPinned ? ", pinned" : ""}`),
  );
}

/**
 * Return a text for screen readers, which read a row as one sentence.
 *
 * @param {string} text
 */
const unseen = (text) => h("span", { class: "ipyap-unseen" }, text);

const SHORT = 20, LONGEST_END = 26, USUAL_END = 16; // characters

/**
 * Return a name in two parts, of which the first gives way where there is no room for both: names
 * of a company begin alike, and their ends tell them apart.
 *
 * @param {string} name
 * @param {string[]} words  which are marked in it
 */
function shortened(name, words) {
  const from = name.length > SHORT ? name.length - Math.min(LONGEST_END, Math.floor(name.length / 2)) : 0;
  const separator = name.slice(from).search(/[-_./@ ]/);
  const cut = from === 0 ? 0 : separator >= 0 ? from + separator : name.length - USUAL_END;
  return [
    cut ? h("span", { class: "ipyap-begin" }, ...marked(name, words, 0, cut)) : null,
    h("span", { class: "ipyap-rest" }, ...marked(name, words, cut)),
  ];
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
 * Return what there is to say of a profile, for its tooltip and below the list.
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
