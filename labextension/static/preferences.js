// The user's settings; schemas/ipy-awsprofile/plugin.json describes them.

/** @import { Settings } from "../jupyterlab.d.ts" */

export class Preferences {
  constructor() {
    this.show = "loaded";
    this.place = "right";
    /** @type {Set<() => void>} functions to call after a change */
    this.listeners = new Set();
  }

  /**
   * Apply the settings when they are loaded, and when they change.
   *
   * @param {Promise<Settings>} loading
   */
  async follow(loading) {
    try {
      const settings = await loading;
      const take = () => this.take(settings.composite);
      settings.changed.connect(take);
      take();
    } catch (error) {
      console.warn("ipy-awsprofile uses its default settings.", error);
    }
  }

  /** @param {Record<string, unknown>} values */
  take({ show, place }) {
    this.show = String(show);
    this.place = String(place);
    for (const listener of this.listeners) listener();
  }
}
