// The picker's view, as anywidget loads it: https://anywidget.dev/en/afm/
//
// It has no AWS logic, and keeps nothing: profiles, identities and codes travel as messages between
// the view and Python. Until Python answers, and when the kernel is gone, a placeholder is shown; a
// saved notebook has nothing else.

import { show } from "./render.js";

/** @import { Model } from "./render.js" */

/** @param {{model: Model, el: HTMLElement}} place */
const render = (place) => show(place).end;

export default { render };
