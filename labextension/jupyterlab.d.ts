// What the labextension uses of JupyterLab: https://jupyterlab.readthedocs.io/en/stable/api/

export interface Signal<Sender, Value> {
  connect(slot: (sender: Sender, value: Value) => void): boolean;
  disconnect(slot: (sender: Sender, value: Value) => void): boolean;
}

export interface Comm {
  readonly commId: string;
  onMsg: (message: { content: { data: any }; buffers?: (ArrayBuffer | ArrayBufferView)[] }) => void;
  onClose: (message: unknown) => void;
  send(data: object): unknown;
  dispose(): void;
}

export interface Kernel {
  readonly id: string;
  readonly clientId: string;
  readonly status: string;
  readonly connectionStatus: string;
  readonly handleComms: boolean;
  readonly info: Promise<{ language_info: { name: string } }>;
  requestCommInfo(content: { target_name: string }): Promise<{ content: { comms?: Record<string, unknown> } }>;
  requestExecute(content: object): { done: Promise<{ content: { status: string } }> };
  createComm(target: string, id: string): Comm;
  hasComm(id: string): boolean;
}

/** A message that a kernel publishes: https://jupyter-client.readthedocs.io/en/stable/messaging.html */
export interface Output {
  header: { msg_type: string; session: string };
  content: any;
}

export interface SessionContext {
  readonly session: { kernel: Kernel | null } | null;
  readonly isDisposed: boolean;
  readonly kernelChanged: Signal<SessionContext, unknown>;
  readonly statusChanged: Signal<SessionContext, string>;
  readonly connectionStatusChanged: Signal<SessionContext, string>;
  readonly iopubMessage: Signal<SessionContext, Output>;
  readonly disposed: Signal<SessionContext, unknown>;
}

export interface Widget {
  readonly node: HTMLElement;
  addClass(name: string): void;
  dispose(): void;
}

export interface NotebookPanel {
  readonly sessionContext: SessionContext;
  readonly disposed: Signal<NotebookPanel, unknown>;
  activate(): void;
  readonly toolbar: {
    insertItem(index: number, name: string, widget: Widget): boolean;
  };
}

export interface App {
  readonly docRegistry: {
    addWidgetExtension(factory: string, extension: { createNew(panel: NotebookPanel): { dispose(): void } }): unknown;
  };
  readonly commands: {
    addCommand(id: string, options: { label: string; isEnabled(): boolean; execute(): void }): unknown;
  };
  readonly shell: { readonly currentWidget: unknown };
}

export interface Palette {
  addItem(item: { command: string; category: string }): unknown;
}

export interface Settings {
  readonly composite: Record<string, unknown>;
  readonly changed: Signal<Settings, unknown>;
}

export interface SettingRegistry {
  load(id: string): Promise<Settings>;
}

/** The modules that extensions share, by name and version: https://webpack.js.org/concepts/module-federation/ */
export type Scope = Record<string, Record<string, { get(): Promise<() => any>; loaded?: unknown }> | undefined>;

/** What a comm carries between the kernel and the script that it has sent. */
export interface Model {
  send(message: object): void;
  on(event: string, listener: (...values: any[]) => void): void;
  off(event: string, listener: (...values: any[]) => void): void;
  get(name: string): undefined;
  set(): void;
  save_changes(): void;
}

/** What the kernel's script exports. */
export interface Button {
  render(place: { model: Model; el: HTMLElement }): ShownButton;
}

/** A button in the toolbar. */
export interface ShownButton {
  /** The ARN of the active identity; null or empty if there is none. */
  readonly arn: string | null;
  /** Undo the switch. */
  off(): void;
  end(): void;
}

declare global {
  interface Window {
    _JUPYTERLAB?: Record<string, { init(scope: Scope): void; get(module: string): Promise<() => object> }>;
  }
}
