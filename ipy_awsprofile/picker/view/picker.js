// The picker's view, as anywidget loads it: https://anywidget.dev/en/afm/
//
// It has no AWS logic, and keeps nothing: profiles, identities and codes travel as messages between
// the view and Python. Until Python answers, and when the kernel is gone, a placeholder is shown; a
// saved notebook has nothing else.

import { View } from "./view.js";

/** @import { Model } from "./view.js" */
/** @import { ViewMessage } from "./messages.js" */

/**
 * Show a picker. Returns a function that ends it.
 *
 * @param {{model: Model, el: HTMLElement}} place
 */
function render({ model, el }) {
  const view = new View(model, el);
  /** @type {(message: ViewMessage, buffers?: DataView[]) => void} */
  const onMessage = (message, buffers) => view.receive(message, buffers);
  const onConnection = () => {
    view.disconnect();
    try {
      view.connect();
    } catch {
      // The kernel is gone. This event comes again when a kernel is there.
    }
  };
  model.on("msg:custom", onMessage);
  model.on("comm_live_update", onConnection);
  const timer = setInterval(() => view.card.tick(), 1000);
  view.connect();
  return () => {
    clearInterval(timer);
    view.end();
    model.off("msg:custom", onMessage);
    model.off("comm_live_update", onConnection);
  };
}

export default { render };
