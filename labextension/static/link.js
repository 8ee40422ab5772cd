// The link to one kernel, which checks whether the kernel has loaded ipy_awsprofile, and passes the
// kernel's messages to the page. The page shows only confirmed information.

import { buttonOf } from "./button.js";

/** @import { Button, Comm, Model, Output, SessionContext } from "../jupyterlab.d.ts" */
/** @import { HelloMessage } from "./messages.js" */

/** The name of the kernel's comm. */
const TARGET = "ipy_awsprofile.toolbar";

/** The protocol version of this side; `picker/toolbar.py` has the same constant. */
const PROTOCOL = 2;

/** A cell with this text may load or reload the extension. */
const MAY_LOAD = /aws_?profile/i;

const GONE = ["restarting", "autorestarting", "terminating", "dead"];

export class Link {
  /**
   * @param {SessionContext} session
   * @param {() => void} changed  called when the display must change
   */
  constructor(session, changed) {
    this.session = session;
    this.changed = changed;
    this.id = `ipyap-link-${Math.random().toString(36).slice(2, 10)}`;
    this.questions = 0; // the number of requests so far; only the answer to the last one counts
    this.mustAsk = true;
    /** @type {Comm | null} */
    this.comm = null;
    /** @type {Set<string>} the kernel processes that have sent a message */
    this.processes = new Set();
    /** @type {Button | null} the button, if the kernel has sent one */
    this.button = null;
    /** @type {number | null} the kernel's protocol, if it is a different one */
    this.otherProtocol = null;
    /** Whether a Python kernel has said that the extension isn't loaded. */
    this.isAbsent = false;
    /** Whether the page doesn't allow the kernel's script. */
    this.isBlocked = false;
    /** @type {Set<(message: object, buffers: unknown[]) => void>} */
    this.listeners = new Set();

    this.onKernel = () => this.start();
    this.onStatus = (/** @type {SessionContext} */ _, /** @type {string} */ status) => this.statusIs(status);
    this.onConnection = (/** @type {SessionContext} */ _, /** @type {string} */ status) => {
      if (status === "connected") this.ask();
      else this.forget();
    };
    this.onOutput = (/** @type {SessionContext} */ _, /** @type {Output} */ message) => this.hear(message);
    session.kernelChanged.connect(this.onKernel);
    session.statusChanged.connect(this.onStatus);
    session.connectionStatusChanged.connect(this.onConnection);
    session.iopubMessage.connect(this.onOutput);
    this.start();
  }

  end() {
    this.forget();
    this.session.kernelChanged.disconnect(this.onKernel);
    this.session.statusChanged.disconnect(this.onStatus);
    this.session.connectionStatusChanged.disconnect(this.onConnection);
    this.session.iopubMessage.disconnect(this.onOutput);
  }

  get kernel() {
    return this.session.session?.kernel ?? null;
  }

  /** @type {Model} the model through which the button and its picker exchange messages */
  get model() {
    const { comm, listeners } = this;
    return {
      send: (message) => {
        if (comm && comm === this.comm) comm.send(message);
      },
      on: (_event, listener) => void (_event === "msg:custom" && listeners.add(listener)),
      off: (_event, listener) => void listeners.delete(listener),
      get: () => undefined,
      set: () => {},
      save_changes: () => {},
    };
  }

  /** Start with a kernel, when the page loads or after a change of kernel. */
  start() {
    this.forget();
    this.changed(); // another link may serve this kernel
    this.ask();
  }

  /** @param {string} status */
  statusIs(status) {
    if (GONE.includes(status)) this.forget();
    else if (this.mustAsk && (status === "idle" || status === "busy")) this.ask();
  }

  /**
   * Check the kernel's published messages, from any client's requests.
   *
   * @param {Output} output
   */
  hear({ header, content }) {
    // The server reports a restart with the page's own client ID. A request would reach a kernel
    // that is still starting, on a connection that is about to close.
    if (header.session === this.kernel?.clientId) return;
    const isNew = !this.processes.has(header.session);
    this.processes.add(header.session);
    // Another page can restart the kernel. No status reports it here, but each process has a
    // session.
    if (isNew && this.processes.size > 1) this.start();
    else if (header.msg_type === "execute_input" && MAY_LOAD.test(content.code) && !this.comm) this.ask();
  }

  /** Show nothing until the kernel answers again. */
  forget() {
    this.questions += 1;
    this.mustAsk = true;
    const { comm } = this;
    this.comm = null;
    if (comm) {
      comm.onMsg = comm.onClose = () => {};
      comm.dispose(); // without notifying the kernel
    }
    this.become({});
  }

  /** @param {{button?: Button | null, otherProtocol?: number | null, isAbsent?: boolean, isBlocked?: boolean}} state */
  become({ button = null, otherProtocol = null, isAbsent = false, isBlocked = false }) {
    Object.assign(this, { button, otherProtocol, isAbsent, isBlocked });
    this.changed();
  }

  /** Ask the kernel whether it has loaded the extension, and say hello if it has. */
  async ask() {
    const { kernel } = this;
    if (!kernel || kernel.connectionStatus !== "connected") return;
    this.mustAsk = false;
    const question = ++this.questions;
    let ids, language;
    try {
      const reply = await kernel.requestCommInfo({ target_name: TARGET });
      ids = Object.keys(reply.content.comms ?? {});
      language = (await kernel.info).language_info.name;
    } catch {
      return; // the kernel is gone, and the next kernel sends a status
    }
    if (question !== this.questions || kernel !== this.kernel) return;
    if (!ids.length) return this.become({ isAbsent: language === "python" });
    if (!kernel.handleComms) return; // another connection to the kernel has the comms
    if (!this.comm) {
      if (kernel.hasComm(ids[0])) return;
      this.comm = kernel.createComm(TARGET, ids[0]);
      this.comm.onClose = () => this.start(); // unloaded, or reloaded
      this.comm.onMsg = ({ content, buffers = [] }) => this.receive(content.data, buffers);
    }
    this.comm.send({ type: "hello", protocol: PROTOCOL, view: this.id });
  }

  /**
   * @param {any} message
   * @param {(ArrayBuffer | ArrayBufferView)[]} buffers
   */
  receive(message, buffers) {
    if (message.type !== "hello") {
      for (const listener of [...this.listeners]) listener(message, buffers);
    } else if (message.view === this.id) this.greeted(message, buffers);
  }

  /**
   * @param {HelloMessage} hello
   * @param {(ArrayBuffer | ArrayBufferView)[]} buffers
   */
  async greeted({ protocol }, buffers) {
    if (protocol !== PROTOCOL) return this.become({ otherProtocol: protocol });
    const question = this.questions;
    const button = await buttonOf(buffers).catch(() => null);
    if (question === this.questions) this.become({ button, isBlocked: !button });
  }

  /** Whether the kernel's side is older than this side. */
  get isKernelOlder() {
    return (this.otherProtocol ?? PROTOCOL) < PROTOCOL;
  }

  /** Load the extension in the kernel; return whether that worked. */
  async load() {
    const code = "%load_ext ipy_awsprofile";
    const reply = await this.kernel?.requestExecute({ code, silent: true, store_history: false }).done;
    this.ask();
    return reply?.content.status === "ok";
  }
}
