// JupyterLab loads this script and gets the extension from its container, as from containers built
// by webpack. This extension needs no build, because the browser loads the other modules itself.
// https://jupyterlab.readthedocs.io/en/stable/extension/extension_dev.html#prebuilt-extensions

(() => {
  const here = /** @type {HTMLScriptElement} */ (document.currentScript).src;
  /** @type {import("../jupyterlab.d.ts").Scope} */
  let scope = {};

  /** Return the extension's plugins, or none if JupyterLab shares its modules in a different way. */
  async function plugins() {
    try {
      const { pluginOf } = await import(new URL("extension.js", here).href);
      return [await pluginOf(scope)];
    } catch (error) {
      console.warn("ipy-awsprofile has no button for the toolbar here.", error);
      return [];
    }
  }

  (window._JUPYTERLAB ??= {})["ipy-awsprofile"] = {
    init: (shared) => void (scope = shared),
    get: async () => {
      const found = await plugins();
      return () => ({ __esModule: true, default: found });
    },
  };
})();
