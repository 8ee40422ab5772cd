// The prompts between a choice and its switch: a confirmation, an MFA code or a sign-in.

import { h, icon } from "./dom.js";

/** @import { CodeMessage, ConfirmMessage, SignInMessage } from "./messages.js" */

/**
 * @typedef {object} QuestionActions
 * @property {(more: {confirmed?: boolean, code?: string, device_code?: boolean, entered?: string, name?: string}) => void} answer
 * @property {() => void} cancel
 */

export class Question {
  /** @param {QuestionActions} actions */
  constructor(actions) {
    this.actions = actions;
    this.waitsForSignIn = false;
    this.submit = () => {};
    this.element = h("form", {
      class: "ipyap-question",
      hidden: true,
      onsubmit: (event) => {
        event.preventDefault();
        this.submit();
      },
      onkeydown: (event) => {
        if (event.key !== "Escape") return;
        event.preventDefault(); // a popup around it stays open
        actions.cancel();
      },
    });
  }

  get isOpen() {
    return !this.element.hidden;
  }

  close() {
    this.waitsForSignIn = false;
    this.element.hidden = true;
    this.element.replaceChildren(); // a typed code doesn't stay in the page
  }

  /**
   * Ask for the input that a command needs; return the request as a sentence.
   *
   * @param {ConfirmMessage | CodeMessage | SignInMessage} message
   * @param {string} target  the command's profile or sign-in
   */
  ask(message, target) {
    switch (message.type) {
      case "confirm":
        this.askToConfirm(target);
        return `${target} is protected.`;
      case "code":
        this.askForCode(target, message.device, Boolean(message.html));
        return message.html ? "The code was refused." : `An MFA code from ${message.device} is needed.`;
      case "sign_in":
        this.askToSignIn(target, message.url, message.code);
        return "A sign-in is needed.";
    }
  }

  /**
   * Ask for the name of a new profile.
   *
   * @param {string} name  a suggestion
   */
  askForName(name) {
    const field = h("input", { class: "ipyap-new-name", "aria-label": "Name of the new profile", spellcheck: "false", autocomplete: "off" });
    field.value = name;
    this.submit = () => field.value.trim() && this.actions.answer({ name: field.value.trim() });
    this.open(
      "",
      h("span", { class: "ipyap-asked" }, "Save this role in the config file as the profile"),
      field,
      h("button", { class: "ipyap-button ipyap-go", type: "submit" }, "Save"),
      this.cancelButton(),
    );
    field.select();
  }

  /**
   * Ask whether to switch to a protected profile.
   *
   * @param {string} profile
   */
  askToConfirm(profile) {
    const cancel = this.cancelButton();
    this.submit = () => this.actions.answer({ confirmed: true });
    this.open(
      "ipyap-danger",
      h(
        "span",
        { class: "ipyap-asked" },
        icon("lock"),
        h("span", {}, "Switch to ", h("b", {}, profile), "? It is protected."),
      ),
      h("button", { class: "ipyap-button ipyap-danger", type: "submit" }, `Switch to ${profile}`),
      cancel,
    );
    cancel.focus(); // holding down Enter must not confirm
  }

  /**
   * Ask for an MFA code.
   *
   * @param {string} profile
   * @param {string} device  the device's serial number or ARN
   * @param {boolean} again  whether a code was refused before
   */
  askForCode(profile, device, again) {
    const field = h("input", {
      class: "ipyap-code",
      autocomplete: "one-time-code",
      inputmode: "numeric",
      maxlength: 12,
      size: 8,
      placeholder: "000000",
      "aria-label": `MFA code from ${device}`,
    });
    this.submit = () => {
      const code = field.value.replace(/\s/g, "");
      if (code) this.actions.answer({ code });
    };
    this.open(
      "",
      h(
        "span",
        { class: "ipyap-asked" },
        h("span", {}, again ? "The next MFA code for " : "MFA code for ", h("b", {}, profile)),
        h("span", { class: "ipyap-device", title: device }, device),
      ),
      field,
      h("button", { class: "ipyap-button ipyap-go", type: "submit" }, "Continue"),
      this.cancelButton(),
    );
    field.focus();
  }

  /**
   * Show the sign-in page's link. Python reports when the user has signed in there.
   *
   * @param {string} profile
   * @param {string} url
   * @param {string | null} code  the code that the page must show; empty if the page is already
   * open, null if the page shows a code to enter
   */
  askToSignIn(profile, url, code) {
    const isWebPage = /^https?:/.test(url);
    const attributes = { href: url, target: "_blank", rel: "noopener noreferrer" };
    const isOpen = code === "";
    const look = `ipyap-button ${isOpen ? "" : "ipyap-go"}`.trim();
    const link = isWebPage ? h("a", { ...attributes, class: look }, isOpen ? "Open it again" : "Open the sign-in page") : null;
    const field = h("input", { class: "ipyap-new-name", "aria-label": "Code of the sign-in page", autocomplete: "off", spellcheck: "false", placeholder: "code" });
    const useCode = () => this.actions.answer({ device_code: true });
    const other = { class: "ipyap-button", type: "button", title: "For a browser on another machine", onclick: useCode };
    this.submit = () => field.value.trim() && this.actions.answer({ entered: field.value.trim() });
    this.open(
      "",
      h(
        "span",
        { class: "ipyap-asked" },
        h("span", {}, "Sign in for ", h("b", {}, profile)),
        code
          ? h("span", { class: "ipyap-device" }, "Allow it if the page shows ", h("b", {}, code))
          : h("span", { class: "ipyap-device" }, isOpen ? "Allow it on the page that your browser has opened" : "Enter the code that the page shows"),
      ),
      link,
      isOpen ? h("button", other, "Use a code") : null,
      ...(code === null ? [field, h("button", { class: "ipyap-button", type: "submit" }, "Continue")] : []),
      this.cancelButton(),
    );
    this.waitsForSignIn = true;
    link?.focus();
  }

  /**
   * @param {string} look  a further CSS class
   * @param {...(Node | null)} parts
   */
  open(look, ...parts) {
    this.waitsForSignIn = false;
    this.element.className = `ipyap-question ${look}`.trim();
    this.element.replaceChildren(...parts.filter((part) => part !== null));
    this.element.hidden = false;
  }

  cancelButton() {
    return h("button", { class: "ipyap-button", type: "button", onclick: this.actions.cancel }, "Cancel");
  }
}
