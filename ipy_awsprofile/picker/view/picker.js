// The picker's view, which anywidget loads: https://anywidget.dev/en/afm/
//
// It has no AWS logic and stores nothing. Profiles, identities and codes are sent as messages
// between the view and Python. Until Python answers, and after the kernel is gone, the view shows a
// placeholder; a saved notebook contains nothing else.

import { show } from "./render.js";

/** @import { Model } from "./render.js" */

/** @param {{model: Model, el: HTMLElement}} place */
const render = (place) => show(place).end;

export default { render };
