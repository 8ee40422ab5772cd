// The plugin: a button in each notebook's toolbar, in JupyterLab and Notebook 7.

import { addCommands } from "./commands.js";
import { Kernels } from "./kernels.js";
import { Place } from "./place.js";
import { Preferences } from "./preferences.js";

/** @import { App, NotebookPanel, Palette, Scope, SettingRegistry } from "../jupyterlab.d.ts" */

const ID = "ipy-awsprofile:plugin";

/**
 * Return the plugin.
 *
 * @param {Scope} scope  the modules that JupyterLab shares
 */
export async function pluginOf(scope) {
  const { ISettingRegistry } = await shared(scope, "@jupyterlab/settingregistry");
  const { Clipboard, ICommandPalette } = await shared(scope, "@jupyterlab/apputils");
  const { Widget } = await shared(scope, "@lumino/widgets");
  return {
    id: ID,
    description: "The AWS identity of a notebook, in its toolbar.",
    autoStart: true,
    optional: [ISettingRegistry, ICommandPalette],
    activate: (
      /** @type {App} */ app,
      /** @type {SettingRegistry | null} */ registry,
      /** @type {Palette | null} */ palette,
    ) => {
      /** @type {Map<unknown, Place>} the places, by notebook panel */
      const places = new Map();
      const preferences = new Preferences();
      const kernels = new Kernels();
      if (registry) preferences.follow(registry.load(ID));
      app.docRegistry.addWidgetExtension("Notebook", {
        createNew: (/** @type {NotebookPanel} */ panel) => {
          const place = new Place(panel, kernels, preferences, () => new Widget());
          places.set(panel, place);
          const dispose = () => (places.delete(panel), place.end());
          return { isDisposed: false, dispose };
        },
      });
      addCommands(app, palette, () => places.get(app.shell.currentWidget), Clipboard.copyToSystem);
      addStyle();
    },
  };
}

/**
 * Return a module that JupyterLab shares; of several versions, return the loaded one.
 *
 * @param {Scope} scope
 * @param {string} name
 */
async function shared(scope, name) {
  const versions = Object.values(scope[name] ?? {});
  const version = versions.find((one) => one.loaded) ?? versions.at(-1);
  if (!version) throw new Error(`JupyterLab doesn't share ${name}.`);
  return (await version.get())();
}

function addStyle() {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = new URL("notice.css", import.meta.url).href;
  document.head.append(link);
}
