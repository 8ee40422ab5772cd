// A button in the toolbar of each notebook with a Python kernel, in JupyterLab and Notebook 7. At first,
// this script draws it, and the kernel does nothing. When ipy_awsprofile is loaded, the kernel opens a
// comm, and sends the button's script to each page that says hello. So the button and the questions
// of cells always have the kernel's version, even if Jupyter has a different environment.

(() => {
  const NAME = "ipy-awsprofile";
  /** The name of the kernel's comm, and the version of the messages here; see picker/toolbar.py. */
  const TARGET = "ipy_awsprofile";
  const PROTOCOL = 4;

  const UPDATE =
    "Jupyter and this notebook's kernel have different versions of ipy-awsprofile. In both environments, run:\n" +
    "pip install --upgrade ipy-awsprofile";
  const LOAD = "%load_ext ipy_awsprofile";
  const MISSING = "ipy_awsprofile can't be loaded in this notebook's kernel. In a cell, run: %pip install ipy-awsprofile";
  const SILENT = "ipy_awsprofile is loaded in this notebook's kernel, but the button can't reach it. Use %aws_profile in a cell.";
  /** The type of an output that is a question of a cell; see notebook/prompts.py. */
  const QUESTION = "application/vnd.ipy-awsprofile.question+json";
  /** The status of a kernel that goes on after a restart, and of one that has ended. */
  const RESTARTS = ["restarting", "autorestarting"], ENDED = ["terminating", "dead"];
  const PATIENCE = 2000; // milliseconds until a kernel counts as busy

  // The button is the toolbar's first item, because a toolbar without room moves its last items to a
  // menu, but it is displayed before the kernel's name. JupyterLab measures an item only once, so it
  // shrinks if the profile's name becomes longer.
  const STYLE = `
    .jp-Toolbar:has(> .ipyap-place) { container: ipyap-toolbar / inline-size; }
    .jp-Toolbar:has(> .ipyap-place)::part(positioning-region) { flex-wrap: nowrap; }
    .jp-Toolbar > .ipyap-place { display: flex; flex: 0 1 auto; align-items: center; order: 1; min-width: 90px; max-width: 36cqi; }
    .jp-Toolbar > .ipyap-place ~ .jp-Toolbar-spacer ~ * { order: 2; }
    .ipyap-place > * { min-width: 0; }
    .ipyap-first { display: inline-flex; align-items: center; gap: 4px; margin: 0 4px; font: 12px/20px var(--jp-ui-font-family, system-ui, sans-serif); white-space: nowrap; }
    .ipyap-first button { overflow: hidden; height: 22px; padding: 0 9px; border: 1px dashed var(--jp-border-color1, #888); border-radius: 11px; background: var(--jp-layout-color0, Canvas); color: var(--jp-ui-font-color1, CanvasText); font: inherit; text-overflow: ellipsis; cursor: pointer; }
    .ipyap-first button:hover { background: var(--jp-layout-color2, ButtonFace); }
    .ipyap-first button:focus-visible { outline: 2px solid var(--jp-brand-color1, Highlight); outline-offset: 1px; }
    .ipyap-first button:is([aria-busy=true], :disabled) { opacity: 0.7; cursor: progress; }
    .ipyap-first .ipyap-choose { flex: none; padding: 0 7px; }
  `;

  /**
   * The channel to a kernel's comm. JupyterLab's own objects are `any`.
   * @typedef {(data: any, buffers: DataView<ArrayBuffer>[]) => void} Listener
   * @typedef {{ name: string, request: object, code: string }} Last
   * @typedef {{ kernel: any, id: string, send(data: object): void, listeners: Set<Listener>, insert(code: string): void,
   *   remember(last: Last | null): void, subshell: string | null }} Channel
   * @typedef {{ open(): void, repeat(request: object): void, end(): void }} Button
   * @typedef {{ button(node: HTMLElement, channel: Channel): Button, question(node: HTMLElement, channel: Channel, number: number): () => void }} Script
   */

  /** Create an element with attributes. @param {string} tag @param {Record<string, string>} attributes */
  function create(tag, attributes, text = "") {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.textContent = text;
    return element;
  }

  /** The place for the button in a notebook's toolbar, which is empty unless the kernel is Python's. */
  class Place {
    /** @param {any} panel @param {{ Widget: any, Notification: any, createMessage(options: object): any }} jupyter @param {boolean} isShown */
    constructor(panel, jupyter, isShown) {
      this.panel = panel;
      this.jupyter = jupyter;
      this.isShown = isShown; // the user's setting
      this.isPython = false;
      this.channel = /** @type {Channel | null} */ (null);
      this.widget = /** @type {any} */ (null); // the toolbar's item
      this.script = /** @type {Script | null} */ (null);
      this.button = /** @type {Button | null} */ (null); // the kernel's script has put it there
      this.last = /** @type {Last | null} */ (null); // the last identity that the button has shown
      this.isLoading = false; // whether the kernel loads the extension for the user
      this.next = /** @type {((button: Button) => void) | null} */ (null); // what the user wants, as soon as there is a button
      this.added = /** @type {any} */ (null); // the cell with LOAD that was added for the user
      this.questions = /** @type {Set<QuestionOutput>} */ (new Set());
      const { kernelChanged, connectionStatusChanged, statusChanged, iopubMessage } = panel.sessionContext;
      const slots = [
        [kernelChanged, this.onKernel],
        [connectionStatusChanged, this.onConnection],
        [statusChanged, this.onStatus],
        [iopubMessage, this.onMessage],
      ];
      for (const [signal, slot] of slots) signal.connect(slot, this);
      panel.disposed.connect(() => {
        for (const [signal, slot] of slots) signal.disconnect(slot, this);
        this.hide();
      });
      const createRenderer = () => new QuestionOutput(this).widget;
      panel.content.rendermime.addFactory({ safe: true, mimeTypes: [QUESTION], createRenderer }, 0);
      this.onKernel();
    }

    get kernel() {
      return this.panel.sessionContext.session?.kernel ?? null;
    }

    /** Show or hide the button, as the user's setting says. @param {boolean} isShown */
    set(isShown) {
      if (this.isShown === isShown) return;
      this.isShown = isShown;
      this.onKernel();
    }

    /** Whether JupyterLab is connecting to the kernel. If an attempt fails, it waits longer before the next one. */
    get isConnecting() {
      return this.kernel?.connectionStatus === "connecting";
    }

    /** Keep the button while JupyterLab is connecting to the same kernel again. */
    onConnection() {
      if (this.isConnecting) this.reset();
      else this.onKernel();
    }

    /** Draw the button, and find the comm of a kernel that has loaded the extension before. */
    async onKernel() {
      this.hide();
      const { kernel } = this;
      if (kernel?.connectionStatus !== "connected" || !this.isShown) return;
      const isCurrent = () => kernel === this.kernel && this.isShown && !this.channel;
      const spec = await kernel.spec.catch(() => null); // from the server
      this.isPython = spec?.language === "python";
      if (!this.isPython || !isCurrent()) return;
      this.draw();
      kernel.registerCommTarget(TARGET, () => {}); // otherwise JupyterLab closes the comm
      const content = { target_name: TARGET };
      const answer = kernel.requestCommInfo(content);
      let reply = await soon(answer);
      if (!reply && isCurrent()) {
        // A cell is running, so the kernel answers earlier in a subshell, if it has any.
        const subshell = await this.createSubshell(kernel);
        const message = subshell && this.message("comm_info_request", content, subshell);
        reply = await (message ? kernel.sendShellMessage(message, true, true).done : answer).catch(() => null);
        if (subshell) this.deleteSubshell(kernel, subshell);
      }
      const id = Object.keys(reply?.content.comms ?? {}).at(-1);
      if (id && isCurrent()) this.attach(kernel, id);
    }

    /** @param {unknown} _ @param {string} status */
    onStatus(_, status) {
      if (RESTARTS.includes(status)) this.reset();
      else if (ENDED.includes(status)) this.hide();
    }

    /**
     * Receive a published message. JupyterLab's own comm objects can't be used here, because of all
     * views and notebooks with a kernel, only one has them.
     * @param {unknown} _ @param {any} message
     */
    onMessage(_, { header: { msg_type: type }, content, buffers }) {
      if (type === "comm_open" && content.target_name === TARGET) this.attach(this.kernel, content.comm_id);
      else if (type === "shutdown_reply") this.reset(); // even if another page restarts the kernel
      else if (!this.channel || content.comm_id !== this.channel.id) return;
      else if (type === "comm_close") this.reset();
      else if (type === "comm_msg" && content.data.script) this.load(content.data.protocol, buffers[0]);
      else if (type === "comm_msg") this.pass(content.data, buffers);
    }

    /** @param {any} data @param {DataView<ArrayBuffer>[]} buffers */
    pass(data, buffers) {
      for (const listener of this.channel?.listeners ?? []) listener(data, buffers);
      if (!this.button) return;
      this.show(); // only now does the button know what to say, and its width
      this.first?.remove();
      this.isLoading = false;
      this.next?.(this.button);
      this.next = null;
    }

    /** Return a message to the kernel. @param {string} msgType @param {object} content @param {string | null} subshellId */
    message(msgType, content, subshellId = null, channel = "shell") {
      const { clientId: session, username } = this.channel?.kernel ?? this.kernel;
      return this.jupyter.createMessage({ msgType, channel, session, username, subshellId, content });
    }

    /**
     * Create a subshell, in which the kernel receives messages even while a cell is running. Return
     * null if the kernel doesn't have subshells. A busy kernel hasn't yet told the page about them.
     * @param {any} kernel
     */
    async createSubshell(kernel) {
      const info = await soon(kernel.info);
      if (info && !kernel.supportsSubshells) return null;
      const message = this.message("create_subshell_request", {}, null, "control");
      const reply = await soon(kernel.sendControlMessage(message, true, true).done);
      return reply?.content.subshell_id ?? null;
    }

    /** @param {any} kernel @param {string} id */
    deleteSubshell(kernel, id) {
      const message = this.message("delete_subshell_request", { subshell_id: id }, null, "control");
      kernel.sendControlMessage(message, true, true).done.catch(() => {}); // the kernel has ended
    }

    /** @param {any} kernel @param {string} id */
    async attach(kernel, id) {
      this.reset();
      const send = (/** @type {object} */ data) => {
        if (this.channel === channel) kernel.sendShellMessage(this.message("comm_msg", { comm_id: id, data }, channel.subshell));
      };
      const channel = (this.channel = /** @type {Channel} */ ({
        ...{ kernel, id, send, listeners: new Set(), subshell: null },
        insert: (code) => this.insert(code),
        remember: (last) => this.remember(last),
      }));
      // The kernel learns from this message whether it receives answers while a cell is running.
      const subshell = await this.createSubshell(kernel);
      if (this.channel === channel) channel.subshell = subshell;
      send({ do: "hello" });
    }

    /** Add a cell above the active one, which the user will run next. @param {string} source */
    insert(source) {
      const { content } = this.panel;
      content.model.sharedModel.insertCell(Math.max(0, content.activeCellIndex), { cell_type: "code", source });
    }

    /** Keep the identity for the next kernel. Say it in the cell that loads the extension for the user. @param {Last | null} last */
    remember(last) {
      this.last = last;
      if (!last || !this.added) return;
      if (this.added.source === LOAD) this.added.setSource(`${LOAD}\n${last.code}`);
      this.added = null;
    }

    /** Open the picker. */
    open() {
      this.loadAndDo((button) => button.open());
    }

    /** Do something with the button. If the kernel hasn't loaded the extension, load it, and say so in the notebook. @param {(button: Button) => void} action */
    async loadAndDo(action) {
      if (this.button) return action(this.button);
      this.next = action;
      if (this.isLoading || !this.isPython || this.isConnecting) return;
      this.isLoading = true;
      this.draw();
      const reply = await this.kernel.requestExecute({ code: LOAD, store_history: false }).done.catch(() => null);
      if (!reply) return this.stopLoading(""); // the kernel was restarted
      if (reply.content.status !== "ok") return this.stopLoading(MISSING);
      if (!this.channel) return this.stopLoading(SILENT);
      const { sharedModel } = this.panel.content.model;
      if (sharedModel.cells.some((/** @type {any} */ cell) => cell.source.includes(LOAD))) return;
      this.added = sharedModel.insertCell(0, { cell_type: "code", source: LOAD });
    }

    /** Forget what the user wants, and say why in a notification that stays. @param {string} problem */
    stopLoading(problem) {
      this.isLoading = false;
      this.next = null;
      if (this.isPython && this.isShown) this.draw();
      if (problem) this.jupyter.Notification.error(problem, { autoClose: false }); // otherwise, only a number in the status bar
    }

    /** Load the script that the kernel has sent to all pages. @param {number} protocol @param {BlobPart} script */
    async load(protocol, script) {
      if (this.button || !this.channel) return;
      const { channel } = this;
      if (protocol !== PROTOCOL) {
        this.isLoading = false;
        this.next = null;
        this.first?.remove();
        this.node.textContent = "AWS: update ipy-awsprofile";
        this.node.title = UPDATE;
        return this.show();
      }
      const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
      const { default: view } = await import(url);
      URL.revokeObjectURL(url);
      if (this.channel !== channel || this.button) return;
      this.script = view;
      this.button = view.button(this.node, channel);
      for (const output of this.questions) output.show();
    }

    /** The element of the toolbar's item, which isn't in the toolbar yet at first. @returns {HTMLElement} */
    get node() {
      if (!this.widget) {
        this.widget = new this.jupyter.Widget();
        this.widget.addClass("ipyap-place");
        // The toolbar would move the focus from the popup to the notebook.
        this.widget.node.addEventListener("click", (/** @type {Event} */ event) => event.stopPropagation());
      }
      return this.widget.node;
    }

    /** Draw the button of a kernel that hasn't loaded the extension. */
    draw() {
      this.first?.remove();
      const { last } = this;
      const about = "Click to load ipy_awsprofile in this notebook, and choose a profile.";
      const choose = create("button", { type: "button", title: about, "aria-haspopup": "dialog" }, "No AWS profile");
      choose.addEventListener("click", () => this.open());
      this.first = create("span", { class: "ipyap-first" });
      if (this.isConnecting) {
        choose.textContent = "Connecting …";
        choose.title = "Jupyter is connecting to the kernel.";
        choose.setAttribute("disabled", "");
      } else if (this.isLoading) {
        choose.textContent = "Loading AWS profiles …";
        choose.setAttribute("aria-busy", "true");
      } else if (last) {
        const again = create("button", { type: "button", title: `Run ${last.code}` }, `Use ${last.name} again`);
        again.addEventListener("click", () => this.loadAndDo((button) => button.repeat(last.request)));
        this.first.append(again);
        choose.className = "ipyap-choose";
        choose.textContent = "…";
        choose.setAttribute("aria-label", "Choose another AWS profile");
      }
      this.first.append(choose);
      this.node.append(this.first);
      this.show();
    }

    show() {
      const { toolbar } = this.panel;
      if (!toolbar.insertItem(0, NAME, this.widget)) return; // it's there
      // In JupyterLab's toolbars, Tab reaches only one item. When the toolbar knows the button, let it be that.
      setTimeout(() => {
        const { node } = toolbar;
        node.reduceFocusableElements?.();
        const index = node.focusableElements?.findIndex((/** @type {Element} */ one) => this.widget?.node.contains(one)) ?? -1;
        if (index < 0) return;
        node.activeIndex = index;
        node.setFocusableElements?.();
      });
    }

    /** Leave the comm, and draw the button of a kernel without it. */
    reset() {
      const { activeElement } = document;
      this.leave();
      if (this.isPython && this.isShown && this.kernel) this.draw();
      if (activeElement && !activeElement.isConnected) this.panel.activate(); // the button had the focus
    }

    /** Remove the button. */
    hide() {
      const { activeElement } = document;
      this.leave();
      this.isPython = this.isLoading = false;
      this.first?.remove();
      this.widget?.dispose();
      this.widget = null;
      if (activeElement && !activeElement.isConnected) this.panel.activate(); // the button had the focus
    }

    leave() {
      const { kernel, subshell } = this.channel ?? {};
      if (subshell && ["idle", "busy"].includes(kernel.status)) this.deleteSubshell(kernel, subshell);
      this.button?.end();
      for (const output of this.questions) output.end();
      if (this.widget) this.widget.node.replaceChildren();
      this.channel = this.button = this.script = null;
    }
  }

  /** Return what a kernel answers soon, or null. @param {Promise<any>} answer */
  function soon(answer) {
    return Promise.race([answer.catch(() => null), new Promise((resolve) => setTimeout(resolve, PATIENCE, null))]);
  }

  /** An output that shows the question of a running cell. The question itself isn't in the notebook. */
  class QuestionOutput {
    /** @param {Place} place */
    constructor(place) {
      this.place = place;
      this.number = 0;
      this.stop = /** @type {(() => void) | null} */ (null);
      this.widget = new place.jupyter.Widget();
      this.widget.renderModel = async (/** @type {any} */ model) => {
        this.number = model.data[QUESTION].question;
        this.show();
      };
      place.questions.add(this);
      this.widget.disposed.connect(() => {
        this.end();
        place.questions.delete(this);
      });
    }

    show() {
      const { script, channel } = this.place;
      if (script && channel && this.number && !this.stop) this.stop = script.question(this.widget.node, channel, this.number);
    }

    end() {
      this.stop?.();
      this.stop = null;
      this.widget.node.replaceChildren();
    }
  }

  /** Return the plugin. @param {any} ICommandPalette @param {any} ISettingRegistry @param {any} jupyter */
  function pluginOf(ICommandPalette, ISettingRegistry, jupyter) {
    const id = `${NAME}:plugin`;
    return {
      id,
      description: "The AWS identity of a notebook, in its toolbar.",
      autoStart: true,
      optional: [ICommandPalette, ISettingRegistry],
      activate: (/** @type {any} */ app, /** @type {any} */ palette, /** @type {any} */ registry) => {
        let isShown = true;
        const places = /** @type {Map<unknown, Place>} */ (new Map()); // by notebook
        const current = () => places.get(app.shell.currentWidget);
        const style = document.createElement("style");
        style.textContent = STYLE;
        document.head.append(style);
        app.docRegistry.addWidgetExtension("Notebook", {
          createNew: (/** @type {any} */ panel) => {
            places.set(panel, new Place(panel, jupyter, isShown));
            panel.disposed.connect(() => places.delete(panel));
          },
        });
        addEventListener("pagehide", () => places.forEach((place) => place.hide()));
        const command = `${NAME}:switch`;
        app.commands.addCommand(command, {
          label: "Switch AWS Profile…",
          isEnabled: () => Boolean(current()?.kernel && current()?.isShown),
          execute: () => {
            const open = () => current()?.open();
            if (!document.activeElement?.closest(".lm-CommandPalette")) return open();
            setTimeout(open, 50); // after the palette has returned the focus to the notebook
          },
        });
        palette?.addItem({ command, category: "AWS" });
        const follow = (/** @type {any} */ settings) => {
          isShown = settings.get("showButton").composite !== false;
          places.forEach((place) => place.set(isShown));
        };
        registry?.load(id).then((/** @type {any} */ settings) => {
          settings.changed.connect(follow);
          follow(settings);
        }, () => {}); // the server can be unable to read them
      },
    };
  }

  /** JupyterLab gets the plugin from this container, as from containers that webpack builds. */
  let scope = /** @type {any} */ ({});
  const shared = async (/** @type {string} */ name) => {
    const versions = /** @type {any[]} */ (Object.values(scope[name]));
    return (await (versions.find((one) => one.loaded) ?? versions.at(-1)).get())();
  };
  (/** @type {any} */ (window)._JUPYTERLAB ??= {})[NAME] = {
    init: (/** @type {any} */ modules) => void (scope = modules),
    get: async () => {
      const { ICommandPalette, Notification } = await shared("@jupyterlab/apputils");
      const { ISettingRegistry } = await shared("@jupyterlab/settingregistry");
      const { KernelMessage } = await shared("@jupyterlab/services");
      const { Widget } = await shared("@lumino/widgets");
      const plugin = pluginOf(ICommandPalette, ISettingRegistry, { Widget, Notification, createMessage: KernelMessage.createMessage });
      return () => ({ __esModule: true, default: plugin });
    },
  };
})();
