// A button in the toolbar of each notebook, in JupyterLab and Notebook 7. When ipy_awsprofile is
// loaded, the kernel opens a comm, and sends the button's script to each page that says hello. So
// the button always has the kernel's version, even if Jupyter has a different environment.

(() => {
  const NAME = "ipy-awsprofile";
  /** The name of the kernel's comm, and the version of the messages here; see picker/toolbar.py. */
  const TARGET = "ipy_awsprofile";
  const PROTOCOL = 3;

  const UPDATE =
    "Jupyter and this notebook's kernel have different versions of ipy-awsprofile. In both environments, run:\n" +
    "pip install --upgrade ipy-awsprofile";
  const LOAD = "%load_ext ipy_awsprofile";
  const MISSING = "ipy_awsprofile can't be loaded in this notebook's kernel. In a cell, run: %pip install ipy-awsprofile";
  const ENDED = ["restarting", "autorestarting", "terminating", "dead"];

  // The button is the toolbar's first item, because a toolbar without room moves its last items to a
  // menu, but it is displayed before the kernel's name. JupyterLab measures an item only once, so it
  // shrinks if the profile's name becomes longer.
  const STYLE = `
    .jp-Toolbar:has(> .ipyap-place) { container: ipyap-toolbar / inline-size; }
    .jp-Toolbar:has(> .ipyap-place)::part(positioning-region) { flex-wrap: nowrap; }
    .jp-Toolbar > .ipyap-place { display: flex; flex: 0 1 auto; align-items: center; order: 1; min-width: 90px; max-width: 36cqi; }
    .jp-Toolbar > .ipyap-place ~ .jp-Toolbar-spacer ~ * { order: 2; }
    .ipyap-place > * { min-width: 0; }
  `;

  /**
   * The channel to a kernel's comm. JupyterLab's own objects are `any`.
   * @typedef {(data: any, buffers: DataView<ArrayBuffer>[]) => void} Listener
   * @typedef {{ kernel: any, id: string, send(data: object): void, listeners: Set<Listener>, insert(code: string): void, subshell: string | null }} Channel
   */

  /** The place for the button in a notebook's toolbar, which is empty unless the kernel has the comm. */
  class Place {
    /** @param {any} panel @param {{ Widget: any, Notification: any, createMessage(options: object): any }} jupyter */
    constructor(panel, jupyter) {
      this.panel = panel;
      this.jupyter = jupyter;
      this.channel = /** @type {Channel | null} */ (null);
      this.widget = /** @type {any} */ (null); // the toolbar's item
      this.button = /** @type {{ open(): void, end(): void } | null} */ (null); // the kernel's script has put it there
      this.isAwaited = false; // whether the user wants the picker, as soon as there is a button
      const { kernelChanged, connectionStatusChanged, statusChanged, iopubMessage } = panel.sessionContext;
      const slots = [
        [kernelChanged, this.onKernel],
        [connectionStatusChanged, this.onKernel],
        [statusChanged, this.onStatus],
        [iopubMessage, this.onMessage],
      ];
      for (const [signal, slot] of slots) signal.connect(slot, this);
      panel.disposed.connect(() => {
        for (const [signal, slot] of slots) signal.disconnect(slot, this);
        this.hide();
      });
      this.onKernel();
    }

    get kernel() {
      return this.panel.sessionContext.session?.kernel ?? null;
    }

    /** Find the comm of a kernel that has loaded the extension before. */
    async onKernel() {
      this.hide();
      const { kernel } = this;
      if (kernel?.connectionStatus !== "connected") return;
      kernel.registerCommTarget(TARGET, () => {}); // otherwise JupyterLab closes the comm
      const reply = await kernel.requestCommInfo({ target_name: TARGET }).catch(() => null); // if the kernel has ended
      const id = Object.keys(reply?.content.comms ?? {}).at(-1);
      if (id && kernel === this.kernel && !this.channel) this.attach(kernel, id);
    }

    /** @param {unknown} _ @param {string} status */
    onStatus(_, status) {
      if (ENDED.includes(status)) this.hide();
    }

    /**
     * Receive a published message. JupyterLab's own comm objects can't be used here, because of all
     * views and notebooks with a kernel, only one has them.
     * @param {unknown} _ @param {any} message
     */
    onMessage(_, { header: { msg_type: type }, content, buffers }) {
      if (type === "comm_open" && content.target_name === TARGET) this.attach(this.kernel, content.comm_id);
      else if (type === "shutdown_reply") this.hide(); // even if another page restarts the kernel
      else if (!this.channel || content.comm_id !== this.channel.id) return;
      else if (type === "comm_close") this.hide();
      else if (type === "comm_msg" && content.data.script) this.load(content.data.protocol, buffers[0]);
      else if (type === "comm_msg") this.pass(content.data, buffers);
    }

    /** @param {any} data @param {DataView<ArrayBuffer>[]} buffers */
    pass(data, buffers) {
      for (const listener of this.channel?.listeners ?? []) listener(data, buffers);
      if (!this.button) return;
      this.show(); // only now does the button know what to say, and its width
      if (this.isAwaited) this.button.open();
      this.isAwaited = false;
    }

    /** @param {any} kernel @param {string} id */
    attach(kernel, id) {
      this.hide();
      const about = { msgType: "comm_msg", channel: "shell", session: kernel.clientId, username: kernel.username };
      const send = (/** @type {object} */ data) => {
        const options = { ...about, subshellId: channel.subshell, content: { comm_id: id, data } };
        if (this.channel === channel) kernel.sendShellMessage(this.jupyter.createMessage(options));
      };
      const channel = (this.channel = /** @type {Channel} */ ({ kernel, id, send, listeners: new Set(), insert: (code) => this.insert(code), subshell: null }));
      send({ do: "hello" });
      if (!kernel.supportsSubshells) return;
      // In a subshell, the kernel receives messages even while a cell is running.
      const created = kernel.requestCreateSubshell({}).done;
      created.then((/** @type {any} */ reply) => (channel.subshell = reply.content.subshell_id), () => {}); // unless the kernel has ended
    }

    /** Add a cell above the active one, which the user will run next. @param {string} source */
    insert(source) {
      const { content } = this.panel;
      content.model.sharedModel.insertCell(Math.max(0, content.activeCellIndex), { cell_type: "code", source });
    }

    /** Open the picker. If the kernel hasn't loaded the extension, load it, and say so in the notebook's first cell. */
    async open() {
      if (this.button) return this.button.open();
      const { language_info: language } = await this.kernel.info;
      const isPython = language?.name === "python";
      const done = isPython && (await this.kernel.requestExecute({ code: LOAD, store_history: false }).done);
      if (!done || done.content.status !== "ok") return this.jupyter.Notification.error(MISSING);
      this.panel.content.model.sharedModel.insertCell(0, { cell_type: "code", source: LOAD });
      this.isAwaited = true;
    }

    /** Load the script that the kernel has sent to all pages. @param {number} protocol @param {BlobPart} script */
    async load(protocol, script) {
      if (this.widget) return;
      const { channel } = this;
      this.widget = new this.jupyter.Widget();
      const node = /** @type {HTMLElement} */ (this.widget.node);
      this.widget.addClass("ipyap-place");
      // The toolbar would move the focus from the popup to the notebook.
      node.addEventListener("click", (event) => event.stopPropagation());
      if (protocol !== PROTOCOL) {
        node.textContent = "AWS: update ipy-awsprofile";
        node.title = UPDATE;
        return this.show();
      }
      const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
      const { default: view } = await import(url);
      URL.revokeObjectURL(url);
      if (this.channel === channel) this.button = view.button(node, channel);
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

    hide() {
      const { activeElement } = document;
      const { kernel, subshell } = this.channel ?? {};
      if (subshell && ["idle", "busy"].includes(kernel.status)) kernel.requestDeleteSubshell({ subshell_id: subshell });
      this.button?.end();
      this.widget?.dispose();
      this.channel = this.widget = this.button = null;
      if (activeElement && !activeElement.isConnected) this.panel.activate(); // the button had the focus
    }
  }

  /** Return the plugin. @param {any} ICommandPalette @param {any} jupyter */
  function pluginOf(ICommandPalette, jupyter) {
    return {
      id: `${NAME}:plugin`,
      description: "The AWS identity of a notebook, in its toolbar.",
      autoStart: true,
      optional: [ICommandPalette],
      activate: (/** @type {any} */ app, /** @type {any} */ palette) => {
        const places = /** @type {Map<unknown, Place>} */ (new Map()); // by notebook
        const current = () => places.get(app.shell.currentWidget);
        const style = document.createElement("style");
        style.textContent = STYLE;
        document.head.append(style);
        app.docRegistry.addWidgetExtension("Notebook", {
          createNew: (/** @type {any} */ panel) => {
            places.set(panel, new Place(panel, jupyter));
            panel.disposed.connect(() => places.delete(panel));
          },
        });
        addEventListener("pagehide", () => places.forEach((place) => place.hide()));
        const command = `${NAME}:switch`;
        app.commands.addCommand(command, {
          label: "Switch AWS Profile…",
          isEnabled: () => Boolean(current()?.kernel),
          execute: () => {
            const open = () => current()?.open();
            if (!document.activeElement?.closest(".lm-CommandPalette")) return open();
            setTimeout(open, 50); // after the palette has returned the focus to the notebook
          },
        });
        palette?.addItem({ command, category: "AWS" });
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
      const { KernelMessage } = await shared("@jupyterlab/services");
      const { Widget } = await shared("@lumino/widgets");
      const plugin = pluginOf(ICommandPalette, { Widget, Notification, createMessage: KernelMessage.createMessage });
      return () => ({ __esModule: true, default: plugin });
    },
  };
})();
