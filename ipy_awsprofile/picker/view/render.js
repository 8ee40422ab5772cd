// A picker in an element of the page, for as long as the element exists.

import { View } from "./view.js";

/** @import { ViewCommand, ViewMessage } from "./messages.js" */

/**
 * The part of anywidget's model that the view uses: https://anywidget.dev/en/afm/
 *
 * @typedef {object} Model
 * @property {(message: ViewCommand & {view: string}) => void} send
 * @property {(event: string, listener: (...values: any[]) => void) => void} on
 * @property {(event: string, listener: (...values: any[]) => void) => void} off
 * @property {(name: "value") => string | null | undefined} get
 * @property {(name: "value", value: string | null) => void} set
 * @property {() => void} save_changes
 */

/**
 * Show a picker. Returns its view, and a function that ends it.
 *
 * @param {{model: Model, el: HTMLElement}} place
 * @param {(() => void) | null} closePopup  closes the popup around the picker; null if it isn't in one
 */
export function show({ model, el }, closePopup = null) {
  const view = new View(model, el, closePopup);
  /** @type {(message: ViewMessage, buffers?: DataView[]) => void} */
  const onMessage = (message, buffers) => view.receive(message, buffers);
  const onConnection = () => {
    view.disconnect();
    view.connect();
  };
  model.on("msg:custom", onMessage);
  model.on("comm_live_update", onConnection);
  const timer = setInterval(() => view.card.tick(), 1000);
  view.connect();
  const end = () => {
    clearInterval(timer);
    view.end();
    model.off("msg:custom", onMessage);
    model.off("comm_live_update", onConnection);
  };
  return { view, end };
}
