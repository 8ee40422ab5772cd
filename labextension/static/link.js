// The link to one kernel: it looks whether the kernel has loaded ipy_awsprofile, and lets what the
// kernel sends reach the page. What isn't known for certain isn't shown.

import { buttonOf } from "./button.js";

/** @import { Button, Comm, Model, Output, SessionContext } from "../jupyterlab.d.ts" */
/** @import { HelloMessage } from "./messages.js" */

/** The name of the kernel's comm. */
const TARGET = "ipy_awsprofile.toolbar";

/** What this side understands; `picker/toolbar.py` has the same. */
const PROTOCOL = 2;

/** A cell with this may load the extension, or reload it. */
const MAY_LOAD = /aws_?profile/i;

const GONE = ["restarting", "autorestarting", "terminating", "dead"];

export class Link {
  /**
   * @param {SessionContext} session
   * @param {() => void} changed  called when there is something else to show
   */
  constructor(session, changed) {
    this.session = session;
    this.changed = changed;
    this.id = `ipyap-link-${Math.random().toString(36).slice(2, 10)}`;
    this.questions = 0; // the number of questions so far: only the last one's answer counts
    this.mustAsk = true;
    /** @type {Comm | null} */
    this.comm = null;
    /** @type {Set<string>} the processes of the kernel that have sent something */
    this.processes = new Set();
    /** @type {Button | null} the button, if the kernel has sent one */
    this.button = null;
    /** @type {number | null} the kernel's protocol, if it is another one */
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

  /** @type {Model} what the button and its picker send to, and hear from */
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

  /** Begin with a kernel: after the page's start, or after a change of kernel. */
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
   * Look at what the kernel publishes, whoever has asked for it.
   *
   * @param {Output} output
   */
  hear({ header, content }) {
    // The server reports a restart in the page's own name. A question would reach a kernel that is
    // still starting, on a connection that is about to be closed.
    if (header.session === this.kernel?.clientId) return;
    const isNew = !this.processes.has(header.session);
    this.processes.add(header.session);
    // Another page can restart the kernel: no status says so here, but each process has a session.
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
      comm.dispose(); // which the kernel isn't told
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
      return; // the kernel is gone, and a status comes for the next one
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

  /** Whether the kernel's side is older than this one. */
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
