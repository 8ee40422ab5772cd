// The menu of AWS Regions.

import { h, icon } from "./dom.js";

export class RegionMenu {
  /** @param {() => void} changed  called when the user has chosen another Region */
  constructor(changed) {
    /** @type {string[]} */
    this.regions = [];
    this.select = h("select", {
      class: "ipyap-select",
      "aria-label": "AWS Region",
      onchange: changed,
    });
    this.element = h("span", { class: "ipyap-choice" }, this.select, icon("chevron"));
  }

  /** The chosen Region, or null for the profile's Region. */
  get value() {
    return this.select.value || null;
  }

  /**
   * Offer the profile's Region and all others.
   *
   * @param {string} profiles  the profile's Region; empty if it doesn't set a Region
   * @param {string | null} chosen  the Region that is in use instead
   */
  offer(profiles, chosen) {
    const regions = new Set([...(chosen ? [chosen] : []), ...this.regions]);
    this.select.replaceChildren(
      h("option", { value: "" }, profiles ? `${profiles} (profile’s)` : "profile’s region"),
      ...[...regions].map((name) => h("option", { value: name }, name)),
    );
    this.select.value = chosen ?? "";
  }
}
