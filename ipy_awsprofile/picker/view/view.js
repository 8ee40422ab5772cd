// A picker in the page, which combines the parts and exchanges messages with Python.

import { CellWait } from "./cell_wait.js";
import { ConsoleTab } from "./console.js";
import { h, visible } from "./dom.js";
import { frame } from "./frame.js";
import { IdentityCard } from "./identity.js";
import { Leaving } from "./leaving.js";
import { Profiles } from "./profiles.js";
import { Question } from "./question.js";
import { RegionMenu } from "./region_menu.js";
import { SearchField } from "./search_field.js";
import { tellMarimo } from "./value.js";
import { Wait } from "./wait.js";

/** @import { IdentityMessage, ProfilesMessage, RolesCommand, Switching, ViewMessage, ViewCommand } from "./messages.js" */
/** @import { Model } from "./render.js" */

export class View {
  /**
   * @param {Model} model
   * @param {HTMLElement} el  the place in the page
   * @param {(() => void) | null} closePopup  closes the popup around the view, if it is in one
   */
  constructor(model, el, closePopup) {
    this.model = model;
    this.closePopup = closePopup;
    this.id = `ipyap-${Math.random().toString(36).slice(2, 10)}`;
    this.isConnected = false; // whether Python has answered
    /** @type {Switching | RolesCommand | null} the last command, as long as it can be repeated */
    this.command = null;
    this.target = ""; // the command's profile or sign-in

    this.profiles = new Profiles();
    this.field = new SearchField(this.profiles, this.id, {
      open: () => this.listOpened(),
      leave: () => this.reset(),
      keep: () => this.finish(),
      pick: (name) => this.pick(name),
      pin: (profile, pinned) => this.send({ type: "pin", profile, pinned }),
      listRoles: (sso, fresh) => this.ask({ type: "roles", sso, fresh }, sso, { focus: true }),
      say: (text) => this.say(text),
    });
    this.region = new RegionMenu(() => this.changeRegion());
    this.card = new IdentityCard({
      refresh: () => this.ask({ type: "refresh" }, this.profile),
      off: () => this.ask({ type: "off" }, this.profile),
      openConsole: closePopup ? null : () => this.console.open(),
      save: () => this.save(),
    });
    this.console = new ConsoleTab(() => this.send({ type: "console" }), (html) => this.showError(html));
    this.question = new Question({
      answer: (more) => this.command && this.ask({ ...this.command, ...more }, more.name ?? this.target),
      cancel: () => this.reset({ focus: true }),
    });
    this.cellWait = new CellWait();
    this.error = h("div", { class: "ipyap-error", role: "alert" });
    this.status = h("div", { class: "ipyap-unseen", role: "status", "aria-live": "polite" });
    this.nothing = h("div", { class: "ipyap-error" }); // a card, if there are no profiles
    const { root, live, placeholder } = frame(
      [this.field.element, this.region.element],
      [
        ...[this.field.list.element, this.question.element, this.cellWait.element, this.error],
        ...[this.nothing, this.card.element, this.status],
      ],
    );
    this.root = root;
    this.live = live;
    this.placeholder = placeholder;
    this.wait = new Wait(root, live, this.field);
    this.leaving = new Leaving(live, () => this.field.isOpen && this.reset());
    el.append(this.root);
  }

  /** Stop everything that runs in the page. */
  end() {
    this.wait.end();
    this.leaving.end();
  }

  /** The active profile; empty if no profile is active. */
  get profile() {
    return this.card.identity?.profile ?? "";
  }

  /** @param {string} text  the text that screen readers announce */
  say(text) {
    this.status.textContent = visible(text);
  }

  /** @param {string} html  an error card from Python, which has escaped all text; or empty */
  showError(html) {
    this.error.innerHTML = html;
  }

  /** @param {ViewCommand} command */
  send(command) {
    try {
      this.model.send({ ...command, view: this.id });
    } catch {
      this.disconnect(); // the kernel is gone, and not every front end reports it
    }
  }

  /** Ask Python for the identity and the profiles. */
  connect() {
    this.send({ type: "ready" });
    this.send({ type: "list", have: 0 });
  }

  /** Show the placeholder, because without a kernel, the identity in the view may be wrong. */
  disconnect() {
    this.isConnected = false;
    this.cellWait.end();
    this.wait.end();
    this.reset();
    this.card.show(null, "");
    this.placeholder.hidden = false;
    this.live.hidden = true;
  }

  connected() {
    this.isConnected = true;
    this.placeholder.hidden = true;
    this.live.hidden = false;
    this.offerRegions();
  }

  /**
   * @param {ViewMessage} message
   * @param {DataView[]} [buffers]
   */
  receive(message, buffers) {
    if (message.view && message.view !== this.id) return;
    if (!this.isConnected) this.connected();
    if (message.view) this.takeUp(message);
    switch (message.type) {
      case "profiles": return this.takeProfiles(message, buffers?.[0]);
      case "identity": return this.takeIdentity(message);
      case "waiting": return this.waitForCell();
      case "done":
        if (!this.field.isBusy) return; // the user is elsewhere
        this.wait.end();
        return this.finish();
      case "confirm":
      case "code":
      case "sign_in":
        this.wait.end();
        if (message.type === "code") this.showError(message.html);
        return this.say(this.question.ask(message, this.target));
      case "progress": return this.wait.progress(message);
      case "listed":
        this.wait.end();
        this.reset({ focus: true });
        return this.field.open(`${message.sso}:`);
      case "signed_in":
        if (this.question.waitsForSignIn && this.command) this.ask(this.command, this.target);
        return;
      case "console": return this.console.show(message.url);
      case "error":
        this.console.close();
        this.wait.end();
        this.showError(message.html);
        this.field.input.value = visible(this.profile);
        if (this.command?.type === "save") this.question.askForName(this.command.name);
        return this.offerRegions();
    }
  }

  /**
   * Continue the command that waited for a cell, if this message answers it.
   *
   * @param {ViewMessage} message
   */
  takeUp({ type }) {
    if (["profiles", "identity", "signed_in", "console", "progress", "listed"].includes(type)) return;
    const waited = this.cellWait.end();
    if (waited) ({ command: this.command, target: this.target } = waited);
  }

  /**
   * @param {ProfilesMessage} message
   * @param {DataView | undefined} buffer  all profiles, if the view doesn't have them yet
   */
  takeProfiles({ version, pins, recent, sign_ins, listed_at, regions, html = "" }, buffer) {
    this.field.list.signIns.offer(sign_ins, listed_at);
    if (!buffer && this.profiles.isArranged(pins, recent)) return;
    this.field.changeProfiles(() => {
      if (!buffer) return this.profiles.arrange(pins, recent);
      this.profiles.replace(JSON.parse(new TextDecoder().decode(buffer)), version, pins, recent);
    });
    if (!buffer) return;
    this.nothing.innerHTML = html;
    if (regions) this.region.regions = regions;
    this.offerRegions();
  }

  /** @param {IdentityMessage} message */
  takeIdentity({ identity, html, switched }) {
    this.card.show(identity, html);
    this.field.changeProfiles(() => (this.field.list.current = identity?.profile ?? null));
    tellMarimo(this.model, identity?.profile ?? null);
    this.offerRegions();
    if (!this.field.isOpen && !this.question.isOpen) this.reset();
    if (!switched) return;
    this.showError("");
    this.say(identity ? `The notebook uses ${identity.name}.` : "No profile is active.");
  }

  // ---- the user's actions

  listOpened() {
    this.question.close();
    this.showError("");
    this.send({ type: "list", have: this.profiles.version }); // the files may have changed
  }

  /** @param {string} profile */
  pick(profile) {
    // Before the first switch, a Region can be chosen for the profile that will be chosen.
    const region = this.card.identity ? null : this.region.value;
    const limit = this.field.list.readOnly.checked ? { read_only: true } : {};
    this.ask({ type: "switch", profile, region, list: this.profiles.version, ...limit }, profile);
  }

  /** Ask for the name of a new profile for the active role. */
  save() {
    if (this.field.isBusy) return;
    this.reset();
    this.command = { type: "save", name: "" };
    this.question.askForName(this.card.identity?.save_as ?? "");
  }

  changeRegion() {
    if (this.asked) this.asked.region = this.region.value;
    else if (this.card.identity) this.ask({ type: "region", region: this.region.value }, this.profile);
  }

  /** The switch that is prompting or running, or null. The Region menu shows its Region. */
  get asked() {
    const { command } = this;
    return command?.type === "switch" && (this.question.isOpen || this.field.isBusy) ? command : null;
  }

  offerRegions() {
    const { identity } = this.card;
    const { asked } = this;
    const chosen = asked ? asked.region : identity ? identity.chosen_region : this.region.value;
    this.region.offer(this.profiles.regionOf(asked?.profile ?? this.profile), chosen);
  }

  /**
   * Send Python a command that takes a while.
   *
   * @param {Switching | RolesCommand} command
   * @param {string} target  the profile or sign-in that it is about
   */
  ask(command, target, { focus = false } = {}) {
    if (this.field.isBusy) return;
    if (focus) this.field.input.focus(); // the focused element will be hidden
    this.command = { ...command };
    for (const once of ["code", "entered"]) Reflect.deleteProperty(this.command, once); // they work only once
    this.target = target;
    this.field.close();
    this.question.close();
    this.showError("");
    this.cellWait.end();
    this.field.input.value = visible(target);
    this.say(this.wait.begin(command.type));
    this.offerRegions();
    this.send(command);
  }

  waitForCell() {
    const { command, target } = this;
    if (!command || command.type === "roles") return;
    this.wait.end();
    this.reset({ focus: true });
    this.say(this.cellWait.show(command, target));
  }

  /** Finish a successful command. */
  finish() {
    this.reset({ focus: true });
    this.closePopup?.();
  }

  /** Close the list and any prompt, and show the active profile in the field. */
  reset({ focus = false } = {}) {
    if (this.field.isBusy) return;
    this.field.close();
    this.question.close();
    this.command = null;
    this.field.input.value = visible(this.profile);
    this.offerRegions();
    if (focus) this.field.input.focus();
  }
}
