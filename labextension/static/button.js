// The script that a kernel sends. Its button and picker always match the kernel, even if Jupyter
// and the kernel are in different environments. A kernel's script has the same capabilities as the
// output of its cells, and the picker in a cell is loaded in the same way.

/** @import { Button } from "../jupyterlab.d.ts" */

/** @type {Map<string, Promise<Button>>} the loaded buttons, by their scripts */
const loaded = new Map();

/**
 * Return the button of a script, and add its style to the page.
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
