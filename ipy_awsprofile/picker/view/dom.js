// What all modules use: the types of the messages, and functions that create elements of the page.
// The script begins with the style sheet, `CSS`; the checker knows only the browser's object `CSS`.

/**
 * The messages, as in picker/messages.py. `ends` and `window_ends` are set here, in milliseconds.
 * @typedef {{ profile: string | null, name: string, account: string, region: string, chosen_region: string | null,
 *   seconds_left: number | null, ends?: number | null, renews: boolean, signs_in: boolean, protected: boolean, read_only: boolean,
 *   notes: number, code: string, request: object, window_seconds_left: number | null, window_ends?: number | null }} Identity
 * @typedef {{ doing: string, waits: boolean }} Busy
 * @typedef {"allow" | "compare" | "enter"} SignInStep
 * @typedef {{ question: number, profile: string, error: string, of_cell: boolean, can_answer: boolean } & ({ kind: "confirm", pattern: string, account: string }
 *   | { kind: "allow", text: string } | { kind: "code", device: string, again: boolean }
 *   | { kind: "sign_in", url: string, step: SignInStep, code: string, about: [string, string][] })} Ask
 * @typedef {{ identity: Identity | null, html: string, busy: Busy | null, ask: Ask | null, error: string }} State
 * @typedef {{ profiles: number, recent: string[], regions: string[], html: string }} Profiles
 * @typedef {State | Profiles | { console: string }} Message
 * @typedef {{ question?: number, confirmed?: boolean, code?: string, entered?: string, device_code?: boolean, canceled?: boolean }} Answer
 * @typedef {{ do: "ready" | "list" | "refresh" | "off" | "console" | "close_window" | "cancel" } | { do: "region", region: string | null }
 *   | { do: "switch", profile: string, read_only: boolean } | { do: "repeat", request: object } | { do: "answer" } & Answer} Command
 * @typedef {(command: Command) => void} Send
 *
 * @typedef {{ [Name in keyof HTMLElementEventMap as `on${Name}`]?: (event: HTMLElementEventMap[Name]) => unknown }} Listeners
 * @typedef {Listeners & { [name: string]: string | number | boolean | null | Function }} Attributes
 * @typedef {Node | string | false | null} Child
 */

/**
 * Create an element with attributes, listeners (such as `onclick`) and children. A string is text,
 * never HTML. Attributes and children that are false or null are left out.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag @param {Attributes} attributes @param {Child[]} children
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== false));
  return element;
}

/** Return a text in which the parts between backticks are shown as code, as on cards. @param {string} text @returns {Child[]} */
export const formatted = (text) => text.split("`").flatMap((part, index) => (index % 2 ? h("code", {}, ...breakable(part)) : breakable(part)));

/** Let the page break ARNs into lines, as on cards. @param {string} text @returns {Child[]} */
const breakable = (text) =>
  text.split(/\b(arn:\S+)/).flatMap((part, index) => (index % 2 ? part.split(/(?<=[:/_])(?=[^:/_])/).flatMap((each) => [each, h("wbr")]) : part));

/** Return a button of the picker. */
export const pushButton = (/** @type {() => void} */ onclick, /** @type {Child[]} */ ...content) => h("button", { class: "ipyap-button", type: "button", onclick }, ...content);

/** Return the style sheet. Each view contains a copy, because a page can have shadow roots. */
export const style = () => h("style", {}, /** @type {any} */ (CSS));

const ICONS = {
  search: "M7 2a5 5 0 1 0 3 9l3.5 3.5 1-1L11 10a5 5 0 0 0-4-8Zm0 1.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7Z",
  chevron: "m3.5 5.5 4.5 4.5 4.5-4.5 1 1L8 12 2.5 6.5Z",
  lock: "M8 1.5A3 3 0 0 0 5 4.5V7H4v7h8V7h-1V4.5a3 3 0 0 0-3-3Zm0 1.4c.9 0 1.6.7 1.6 1.6V7H6.4V4.5c0-.9.7-1.6 1.6-1.6Z",
  console: "M3 3h4v1.5H4.5v7h7V9H13v4H3Zm5.5 0H13v4.500h-1.500V5.600L8 9.100 6.900 8l3.500-3.500H8.500Z",
  copy: "M5 2h8v9h-1.500V3.500H5ZM3 5h7v9H3Zm1.500 1.500v6h4v-6Z",
  insert: "M2.500 2h11v1.500h-11Zm0 10.500h11V14h-11Zm4.750-7.750h1.500V7.250h3v1.500h-3v3h-1.500v-3h-3v-1.500h3Z",
  off: "M7.2 1.5h1.6v6.6H7.2Zm-2.9 2 .9 1.2a4.2 4.2 0 1 0 5.6 0l.9-1.2a5.7 5.7 0 1 1-7.4 0Z",
  refresh: "M8 2.5a5.5 5.5 0 1 0 5.4 6.6h-1.6A4 4 0 1 1 11 5.2L9 7.2h5v-5L12.1 4A5.5 5.500 0 0 0 8 2.5Z",
  alert: "M8 1.500 15 14H1ZM7.250 6v4h1.500V6Zm0 5v1.500h1.500V11Z",
};

/** Draw an icon in the color of the surrounding text. @param {keyof typeof ICONS} name */
export function icon(name) {
  const [svg, path] = ["svg", "path"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", `ipyap-icon ipyap-icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}
