// marimo runs the cells that depend on a widget when a view changes the widget's state. Python puts
// `value` into the state only in marimo, because Jupyter would save it with the notebook.
// https://docs.marimo.io/api/inputs/anywidget/

/** @import { Model } from "./render.js" */

/**
 * Tell marimo which profile is active.
 *
 * @param {Model} model
 * @param {string | null} profile
 */
export function tellMarimo(model, profile) {
  const told = model.get("value");
  if (told === undefined || told === profile) return;
  model.set("value", profile);
  model.save_changes();
}
