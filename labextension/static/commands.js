// The commands for the palette and for shortcuts, which apply to the current notebook.

/** @import { App, Palette } from "../jupyterlab.d.ts" */
/** @import { Place } from "./place.js" */

/**
 * Add the commands to JupyterLab.
 *
 * @param {App} app
 * @param {Palette | null} palette
 * @param {() => Place | undefined} current  returns the place in the current notebook, if a notebook is current
 * @param {(text: string) => void} copy  copies a text to the clipboard
 */
export function addCommands(app, palette, current, copy) {
  const arn = () => current()?.button?.arn ?? "";
  const commands = {
    switch: {
      label: "Switch AWS Profile…",
      isEnabled: () => Boolean(current()?.widget),
      execute: () => current()?.click(),
    },
    "copy-arn": {
      label: "Copy ARN of the AWS Identity",
      isEnabled: () => arn() !== "",
      execute: () => copy(arn()),
    },
    off: {
      label: "Switch AWS Profile Off",
      isEnabled: () => typeof current()?.button?.arn === "string",
      execute: () => current()?.button?.off(),
    },
  };
  for (const [name, command] of Object.entries(commands)) {
    const id = `ipy-awsprofile:${name}`;
    app.commands.addCommand(id, command);
    palette?.addItem({ command: id, category: "AWS" });
  }
}
