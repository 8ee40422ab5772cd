// The questions of a switch or of a running cell: a confirmation, an MFA code, or a sign-in. They have
// the same look and the same buttons in a cell, in the picker, and in the toolbar's popup.

import { h, icon, pushButton, style } from "./dom.js";
/** @import { Answer, Ask, Child, Message, Send, SignInStep } from "./dom.js" */

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
    this.element.replaceChildren(...(ask ? this.parts(ask) : [])); // a typed code doesn't stay in the page
    return ask !== null;
  }

  /** @param {Ask} ask */
  parts(ask) {
    const parts = PARTS[ask.kind](/** @type {any} */ (ask), this);
    if (!ask.can_answer) {
      const isLink = (/** @type {string | Node} */ part, /** @type {number} */ index) => !index || part instanceof HTMLAnchorElement;
      return [...parts.filter(isLink), h("span", { class: "ipyap-detail" }, "Answer below the running cell, or interrupt it.")];
    }
    const id = `ipyap-wrong-${ask.question}`;
    const field = parts.find((part) => part instanceof HTMLInputElement);
    if (field && ask.error) field.setAttribute("aria-describedby", id);
    return [...parts, pushButton(this.cancel, "Cancel"), h("span", { class: "ipyap-wrong", id }, ask.error.replaceAll("`", ""))];
  }

  /** Move the focus to the answer. Holding down Enter must not confirm, so that is *Cancel*. */
  focus() {
    const target = this.element.querySelector("input, a") ?? this.element.querySelector("[type=button]");
    /** @type {HTMLElement | null} */ (target)?.focus();
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

/**
 * The first part says what is asked and why.
 * @type {{ [Kind in Ask["kind"]]: (ask: Extract<Ask, { kind: Kind }>, question: Question) => (string | Node)[] }}
 */
const PARTS = {
  confirm: ({ profile, pattern, account }) => [
    asked(
      h("span", {}, icon("lock"), " Switch to ", h("b", {}, profile), account && " in account ", account && h("b", {}, account), "?"),
      `The pattern “${pattern}” protects it.`,
    ),
    submit(`Switch to ${profile}`),
  ],

  allow: ({ text }) => [asked(h("span", {}, icon("alert"), ` ${text}`), "The running cell waits for your answer."), submit("Allow")],

  code: ({ profile, device, again }) => [
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
  ],

  sign_in: ({ profile, url, step, code, about }, { answer }) => {
    const link = step === "allow" ? "Open it again" : "Open the sign-in page";
    const address = { class: "ipyap-button ipyap-go", href: url, target: "_blank", rel: "noopener noreferrer" };
    const why = about.map(([label, value]) => `${label} ${value}`).join(", ");
    return [
      asked(h("span", {}, "Sign in for ", h("b", {}, profile)), STEPS[step](code), why),
      /^https?:/.test(url) ? h("a", address, link) : "",
      step === "allow" ? pushButton(() => answer({ device_code: true }), "Use another browser") : "",
      ...(step === "enter" ? [h("input", { name: "entered", autocomplete: "off", placeholder: "code", "aria-label": "Code of the sign-in page" }), submit("Continue")] : []),
    ];
  },
};

/** What the user does on the page of a sign-in. @type {{ [Step in SignInStep]: (code: string) => Child }} */
const STEPS = {
  allow: () => "Allow it on the page that your browser has opened",
  compare: (code) => h("span", {}, "Allow it if the page shows ", h("b", {}, code)),
  enter: () => "Enter the code that the page shows",
};

const asked = (/** @type {Child} */ what, /** @type {Child[]} */ ...details) =>
  h("span", { class: "ipyap-asked" }, what, ...details.map((detail) => detail && h("span", { class: "ipyap-detail" }, detail)));

const submit = (/** @type {string} */ text) => h("button", { class: "ipyap-button ipyap-go", type: "submit" }, text);

/** A question of a running cell, in the cell's output. */
export class CellQuestion {
  /**
   * Show the question with this number in `node` while the cell waits for the answer.
   * @param {HTMLElement} node @param {number} number @param {Send} send
   */
  constructor(node, number, send) {
    this.number = number;
    const answer = (/** @type {Answer} */ content) => send({ do: "answer", ...content });
    const cancel = () => send({ do: "answer", question: number, canceled: true });
    this.question = new Question(answer, cancel);
    this.root = h("div", { class: "ipyap", "data-lm-suppress-shortcuts": "true", onkeydown: (event) => this.key(event) }, style(), this.question.element);
    node.replaceChildren(this.root);
    send({ do: "ready" });
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.isComposing) return;
    event.stopPropagation(); // a notebook has commands for letters
    if (event.key === "Escape") this.question.cancel();
  }

  /** @param {Message} message */
  receive(message) {
    if (!("busy" in message)) return;
    const ask = message.ask?.question === this.number ? message.ask : null;
    const isNew = this.question.show(ask);
    this.root.hidden = !ask;
    if (isNew && isFree()) this.question.focus();
  }
}

/** Whether the user isn't typing anywhere. */
function isFree() {
  return document.hasFocus() && !document.activeElement?.closest("input, textarea, [contenteditable=true], .ipyap-popup");
}
