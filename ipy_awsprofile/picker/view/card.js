// The notebook's identity: the card from Python, the time left, and what the user can do with it.

import { h, icon, pushButton } from "./dom.js";
/** @import { Identity, Send } from "./dom.js" */

const COPY = "Copy as code";
const AMBER = 15 * 60, RED = 5 * 60; // seconds left

export class Card {
  /**
   * `send(command)` sends a command to Python, and `openConsole` opens the console in a tab.
   * `insert(code)` adds a cell to the notebook, or is null if the view can't add cells.
   * @param {Send} send @param {() => void} openConsole @param {((code: string) => void) | null} insert
   */
  constructor(send, openConsole, insert) {
    this.regions = /** @type {string[]} */ ([]);
    this.identity = /** @type {Identity | null} */ (null);
    /** @type {HTMLSelectElement} */
    this.region = h("select", { "aria-label": "AWS Region", onchange: () => send({ do: "region", region: this.region.value || null }) });
    this.card = h("div", { class: "ipyap-card" });
    this.copied = h("span", {}, COPY);
    this.actions = h(
      "div",
      { class: "ipyap-actions" },
      h("span", { class: "ipyap-select" }, this.region, icon("chevron")),
      pushButton(() => send({ do: "refresh" }), icon("refresh"), "Refresh"),
      pushButton(() => send({ do: "off" }), icon("off"), "Off"),
      pushButton(openConsole, icon("console"), "Console"),
      pushButton(() => this.copy(), icon("copy"), this.copied),
      insert && pushButton(() => insert(this.identity?.code ?? ""), icon("insert"), "Insert as cell"),
    );
    this.expired = h("div", { class: "ipyap-expired", hidden: true });
    this.renew = () => send({ do: "refresh" });
    this.windowLeft = h("span", { role: "timer" });
    this.window = h(
      "div",
      { class: "ipyap-window", hidden: true },
      icon("alert"),
      h("span", {}, "Programs with notebook-agent can write: ", this.windowLeft),
      pushButton(() => send({ do: "close_window" }), "Stop writing"),
    );
    this.element = h("div", { class: "ipyap-identity", role: "group", "aria-label": "Active identity" }, this.card, this.window, this.actions);
  }

  /** Show an identity, and its card, in which Python has escaped all text. @param {Identity | null} identity @param {string} html */
  show(identity, html) {
    this.identity = identity;
    this.card.innerHTML = html;
    this.actions.hidden = !identity;
    this.expired.replaceChildren(...(identity ? whatExpired(identity, this.renew) : []));
    if (identity?.ends) this.card.querySelector(".ipy-awsprofile-badge")?.setAttribute("role", "timer");
    this.offer();
    this.tick();
  }

  /** Offer the Regions, and the default Region that the profile or AWS_DEFAULT_REGION sets. */
  offer(regions = this.regions) {
    this.regions = regions;
    const { region = "", chosen_region: chosen = null } = this.identity ?? {};
    const own = !chosen && region ? `${region} (default)` : "default Region";
    const names = new Set([...(chosen ? [chosen] : []), ...regions]);
    this.region.replaceChildren(h("option", { value: "" }, own), ...[...names].map((name) => h("option", { value: name }, name)));
    this.region.value = chosen ?? "";
  }

  /** Copy the line that switches to the identity, so that the user can paste it into a cell. */
  async copy() {
    const code = this.identity?.code ?? "";
    try {
      await navigator.clipboard.writeText(code);
      this.copied.textContent = "Copied";
    } catch { // the page isn't secure, or the browser doesn't allow it
      this.copied.textContent = code;
    }
    setTimeout(() => (this.copied.textContent = COPY), this.copied.textContent === code ? 10_000 : 2_000);
  }

  /** Show the time left. */
  tick() {
    const left = windowLeft(this.identity);
    this.window.hidden = !left;
    this.windowLeft.textContent = `${left} left`;
    const { text, tone, isOver } = timeLeft(this.identity);
    this.expired.hidden = !(isOver && tone === "red");
    const badge = this.card.querySelector("[role=timer]");
    if (!badge || !this.identity) return;
    badge.textContent = isOver ? text : `${text} left`;
    badge.setAttribute("title", `Expires ${localTime(Number(this.identity.ends))}`);
    this.card.dataset.tone = tone;
  }
}

/** Return elements that say that an identity's credentials have expired, and a button to renew them. @param {Identity} identity @param {() => void} renew */
function whatExpired({ name, signs_in }, renew) {
  const button = pushButton(renew, signs_in ? "Sign in" : "Renew");
  button.classList.add("ipyap-go");
  return [icon("alert"), h("span", {}, "The credentials of ", h("b", {}, name), " have expired."), button];
}

/**
 * Return a text about the time left, and its tone. The tone stays calm for credentials that renew
 * without the user. If a renewal needs a sign-in, it isn't known whether the user is still signed in.
 * @param {Identity | null} identity
 */
export function timeLeft(identity) {
  if (!identity?.ends) return { text: "", tone: "calm", isOver: false };
  const { ends, renews, signs_in } = identity;
  const secondsLeft = Math.max(0, Math.ceil((Number(ends) - Date.now()) / 1000));
  if (!secondsLeft && renews && !signs_in) return { text: "renews at the next call", tone: "calm", isOver: true };
  if (!secondsLeft) return { text: "expired", tone: "red", isOver: true };
  let tone = "calm";
  if (!renews && secondsLeft < AMBER) tone = "amber";
  if (!renews && secondsLeft < RED) tone = "red";
  return { text: duration(secondsLeft), tone, isOver: false };
}

/** Return how long programs can still write, or an empty string if they can't write. @param {Identity | null} identity */
export function windowLeft(identity) {
  const secondsLeft = Math.ceil((Number(identity?.window_ends ?? 0) - Date.now()) / 1000);
  return secondsLeft > 0 ? duration(secondsLeft) : "";
}

/** Return a time in the browser's zone. @param {number} ends */
const localTime = (ends) => new Date(ends).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });

/** Return a time such as `1 hour 5 minutes`, as on cards, or `4:05` when it is nearly over. @param {number} seconds */
function duration(seconds) {
  if (seconds < RED) return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  const minutes = Math.round(seconds / 60);
  const counts = /** @type {[number, string][]} */ ([[Math.floor(minutes / 60), "hour"], [minutes % 60, "minute"]]);
  return counts.filter(([count]) => count).map(([count, unit]) => `${count} ${unit}${count === 1 ? "" : "s"}`).join(" ");
}
