// The questions between a choice and its switch: a confirmation, an MFA code, or a sign-in.

import { h, icon, pushButton } from "./dom.js";
/** @import { Answer, Ask, Child, SignInStep } from "./dom.js" */

export class Question {
  /**
   * `answer(content)` and `cancel()` send the user's answer to Python.
   * @param {(content: Answer) => void} answer @param {() => void} cancel
   */
  constructor(answer, cancel) {
    this.asked = "null"; // the question as JSON
    this.answer = (/** @type {Answer} */ content) => answer({ ...content, question: JSON.parse(this.asked).question });
    this.cancel = cancel;
    this.element = h("form", { class: "ipyap-question", hidden: true, onsubmit: (event) => this.submit(event) });
  }

  get isOpen() {
    return !this.element.hidden;
  }

  /** Show a question, or none. Returns whether it is a new one. @param {Ask | null} ask */
  show(ask) {
    const asked = JSON.stringify(ask);
    if (asked === this.asked) return false;
    this.asked = asked;
    this.element.hidden = !ask;
    this.element.className = `ipyap-question ipyap-${ask?.kind ?? "none"}`;
    this.element.replaceChildren(...(ask ? PARTS[ask.kind](/** @type {any} */ (ask), this) : [])); // a typed code doesn't stay in the page
    return ask !== null;
  }

  /** Move the focus to the answer. Holding down Enter must not confirm, so that is *Cancel*. */
  focus() {
    /** @type {HTMLElement} */ (this.element.querySelector("input, a") ?? this.element.querySelector("[type=button]")).focus();
  }

  /** @param {SubmitEvent} event */
  submit(event) {
    event.preventDefault();
    const field = this.element.querySelector("input");
    const value = field?.value.replace(/\s/g, "");
    if (!field) this.answer({ confirmed: true });
    else if (value) this.answer({ [field.name]: value });
  }
}

/** @type {{ [Kind in Ask["kind"]]: (ask: Extract<Ask, { kind: Kind }>, question: Question) => (string | Node)[] }} */
const PARTS = {
  confirm: ({ profile, pattern, account }, { cancel }) => [
    asked(
      h("span", {}, icon("lock"), " Switch to ", h("b", {}, profile), account && " in account ", account && h("b", {}, account), "?"),
      `The pattern “${pattern}” protects it.`,
    ),
    submit(`Switch to ${profile}`),
    pushButton(cancel, "Cancel"),
  ],

  code: ({ profile, device, again }, { cancel }) => [
    asked(h("span", {}, again ? "The next MFA code for " : "MFA code for ", h("b", {}, profile)), device),
    h("input", {
      class: "ipyap-digits",
      name: "code",
      autocomplete: "one-time-code",
      inputmode: "numeric",
      maxlength: 12,
      placeholder: "000000",
      "aria-label": `MFA code from ${device}`,
    }),
    submit("Continue"),
    pushButton(cancel, "Cancel"),
  ],

  sign_in: ({ profile, url, step, code }, { answer, cancel }) => {
    const link = step === "allow" ? "Open it again" : "Open the sign-in page";
    const address = { class: "ipyap-button ipyap-go", href: url, target: "_blank", rel: "noopener noreferrer" };
    return [
      asked(h("span", {}, "Sign in for ", h("b", {}, profile)), STEPS[step](code)),
      /^https?:/.test(url) ? h("a", address, link) : "",
      step === "allow" ? pushButton(() => answer({ device_code: true }), "Use another browser") : "",
      ...(step === "enter" ? [h("input", { name: "entered", autocomplete: "off", placeholder: "code", "aria-label": "Code of the sign-in page" }), submit("Continue")] : []),
      pushButton(cancel, "Cancel"),
    ];
  },
};

/** What the user does on the page of a sign-in. @type {{ [Step in SignInStep]: (code: string) => Child }} */
const STEPS = {
  allow: () => "Allow it on the page that your browser has opened",
  compare: (code) => h("span", {}, "Allow it if the page shows ", h("b", {}, code)),
  enter: () => "Enter the code that the page shows",
};

const asked = (/** @type {Child} */ what, /** @type {Child} */ detail = null) => h("span", { class: "ipyap-asked" }, what, detail && h("span", { class: "ipyap-detail" }, detail));

const submit = (/** @type {string} */ text) => h("button", { class: "ipyap-button ipyap-go", type: "submit" }, text);
