// The elements that contain the picker's parts.

import { h } from "./dom.js";

/**
 * Return whether an event comes from holding down Enter.
 *
 * @param {KeyboardEvent} event
 */
export const isHeldEnter = ({ key, repeat }) => key === "Enter" && repeat;

/**
 * Return the picker's element in the page, the part of it that needs a kernel, and the placeholder
 * that is shown without a kernel.
 *
 * @param {HTMLElement[]} bar  the parts of the first line
 * @param {HTMLElement[]} below
 */
export function frame(bar, below) {
  const live = h(
    "div",
    { class: "ipyap-live", hidden: true },
    h("div", { class: "ipyap-bar" }, ...bar),
    ...below,
  );
  const placeholder = h(
    "div",
    { class: "ipyap-placeholder" },
    "The profile picker has no kernel. Run its cell to choose an AWS profile.",
  );
  // JupyterLab ignores keys that are typed here: https://lumino.readthedocs.io
  const attributes = { class: "ipyap", "data-lm-suppress-shortcuts": "true" };
  const root = h("div", attributes, placeholder, live);
  // Holding down Enter chooses nothing, because the choice has only just appeared.
  const ignoreHeldEnter = (/** @type {KeyboardEvent} */ event) => {
    if (!isHeldEnter(event)) return;
    event.preventDefault();
    event.stopPropagation();
  };
  root.addEventListener("keydown", ignoreHeldEnter, true);
  for (const type of ["keydown", "keypress"]) {
    root.addEventListener(type, (event) => event.stopPropagation());
  }
  return { root, live, placeholder };
}
