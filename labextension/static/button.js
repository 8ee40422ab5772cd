// The script that a kernel sends: its button and picker always fit the kernel that they talk to,
// also if Jupyter and the kernel are in different environments. A kernel's script can do what every
// output of its cells can, and the picker in a cell comes the same way.

/** @import { Button } from "../jupyterlab.d.ts" */

/** @type {Map<string, Promise<Button>>} what was loaded already, by its text */
const loaded = new Map();

/**
 * Return the button of a script, whose style is then in the page.
 *
 * @param {(ArrayBuffer | ArrayBufferView)[]} buffers  the script and its style
 * @returns {Promise<Button>}
 */
export function buttonOf(buffers) {
  const [script, style] = buffers.map((one) => new TextDecoder().decode(one));
  const known = loaded.get(script);
  if (known) return known;
  const element = document.createElement("style");
  element.textContent = style;
  document.head.append(element);
  const loading = load(script);
  loaded.set(script, loading);
  return loading;
}

/** @param {string} script */
async function load(script) {
  const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  try {
    return (await import(url)).default;
  } finally {
    URL.revokeObjectURL(url);
  }
}
