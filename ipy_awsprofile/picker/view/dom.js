// Functions that create elements of the page in one call.

/** @typedef {{[Type in keyof HTMLElementEventMap as `on${Type}`]?: (event: HTMLElementEventMap[Type]) => unknown}} Listeners */
/** @typedef {Record<string, string | number | boolean | ((event: never) => unknown)>} Attributes */

// The characters that Python escapes in texts (text.py).
const INVISIBLE =
  /[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]/g;

/**
 * Return a text with its invisible characters escaped, because a name could look like another one.
 *
 * @param {string} text
 */
export const visible = (text) =>
  text.replace(INVISIBLE, (character) => {
    const code = character.charCodeAt(0).toString(16);
    return code.length > 2 ? `\\u${code.padStart(4, "0")}` : `\\x${code.padStart(2, "0")}`;
  });

// The attributes whose values are shown or announced.
const SHOWN = ["title", "aria-label"];

/**
 * Create an element with attributes, listeners (such as `onclick`) and children.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes & Listeners} attributes  attributes that are false are left out
 * @param {...(Node | string | null)} children  a string is text, never HTML; invisible characters are escaped
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    } else if (value !== false) {
      const text = value === true ? "" : String(value);
      element.setAttribute(name, SHOWN.includes(name) ? visible(text) : text);
    }
  }
  const shown = children.filter((child) => child != null);
  element.append(...shown.map((child) => (typeof child === "string" ? visible(child) : child)));
  return element;
}

const ICONS = {
  search: "M7 2a5 5 0 1 0 3 9l3.5 3.5 1-1L11 10a5 5 0 0 0-4-8Zm0 1.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7Z",
  chevron: "m3.5 5.5 4.5 4.5 4.5-4.5 1 1L8 12 2.5 6.5Z",
  star: "m8 1.8 1.9 3.9 4.3.6-3.1 3 .7 4.3L8 11.6l-3.8 2 .7-4.3-3.1-3 4.3-.6Z",
  lock: "M8 1.5A3 3 0 0 0 5 4.5V7H4v7h8V7h-1V4.5a3 3 0 0 0-3-3Zm0 1.4c.9 0 1.6.7 1.6 1.6V7H6.4V4.5c0-.9.7-1.6 1.6-1.6Z",
  open: "M3 3h4v1.5H4.5v7h7V9H13v4H3Zm5.5 0H13v4.500h-1.500V5.600L8 9.100 6.900 8l3.500-3.500H8.500Z",
  off: "M7.2 1.5h1.6v6.6H7.2Zm-2.9 2 .9 1.2a4.2 4.2 0 1 0 5.6 0l.9-1.2a5.7 5.7 0 1 1-7.4 0Z",
  save: "M3 2h8.500L14 4.500V14H2V3a1 1 0 0 1 1-1Zm.5 1.500v9H5V9h6v3.500h1.500V5.100L10.900 3.500H10V6.500H5v-3Zm3 0V5H8.500V3.500Z",
  refresh: "M8 2.5a5.5 5.5 0 1 0 5.4 6.6h-1.6A4 4 0 1 1 11 5.2L9 7.2h5v-5L12.1 4A5.5 5.5 0 0 0 8 2.5Z",
};

/**
 * Draw an icon in the color of the surrounding text.
 *
 * @param {keyof typeof ICONS} name
 */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", `ipyap-icon ipyap-icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}
