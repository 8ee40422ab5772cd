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
  /** @param {string} text */
  const found = (text) => marked(text, state.words);
  /** @type {(kind: string, ...content: (Node | string | null)[]) => HTMLElement} */
  const cell = (kind, ...content) => h("span", { class: `ipyap-cell ${kind}`.trim() }, ...content);
  const classes = ["ipyap-row"];
  if (row[PROTECTED]) classes.push("ipyap-protected");
  if (state.endsTop) classes.push("ipyap-ends-top");
  const description = described(row);
  return h(
    "div",
    {
      class: classes.join(" "),
      role: "option",
      id: state.id,
      style: `top:${state.top}px`,
      title: description,
      "aria-label": description.replaceAll("\n", ", "),
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
      },
      icon("star"),
    ),
    cell(
      "",
      row[PROTECTED] ? icon("lock") : null,
      ...found(row[NAME]),
      row[SOURCE] ? h("span", { class: "ipyap-source" }, " ← ", ...found(row[SOURCE])) : null,
    ),
    cell("", ...found(row[ROLE])),
    cell("", h("span", { class: "ipyap-tag" }, row[KIND])),
    cell("ipyap-mono", ...found(row[ACCOUNT])),
    cell("ipyap-mono", ...found(row[REGION])),
    cell("ipyap-end", row[MFA] ? h("span", { class: "ipyap-tag ipyap-mfa" }, "MFA") : null),
  );
}

/**
 * Return a text with each of the words marked in it.
 *
 * @param {string} text
 * @param {string[]} words
 */
function marked(text, words) {
  if (!words.length) return [text];
  const escaped = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const parts = text.split(new RegExp(`(${escaped.join("|")})`, "i"));
  return parts.map((part, index) => (index % 2 ? h("mark", {}, part) : part));
}

/**
 * Describe a profile in lines, for its tooltip and for screen readers.
 *
 * @param {Row} row
 */
function described(row) {
  const lines = [row[SOURCE] ? `${row[NAME]} ← ${row[SOURCE]}` : row[NAME], row[KIND]];
  if (row[ROLE]) lines.push(`role ${row[ROLE]}`);
  if (row[ACCOUNT]) lines.push(`account ${row[ACCOUNT]}`);
  if (row[REGION]) lines.push(`region ${row[REGION]}`);
  if (row[MFA]) lines.push("asks for an MFA code");
  if (row[PROTECTED]) lines.push("protected");
  return lines.join("\n");
}
