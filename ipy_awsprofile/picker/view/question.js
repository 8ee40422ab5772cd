// The questions of a switch or of a running cell: a confirmation, an MFA code, or a sign-in. They have
// the same look and the same buttons in a cell, in the picker, and in the toolbar's popup.

import { formatted, h, icon, pushButton, style } from "./dom.js";
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

  /** Show a question, or hide the element if `ask` is null. Return whether the question is new. @param {Ask | null} ask */
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
    const { what, answers, link } = PARTS[ask.kind](/** @type {any} */ (ask), this);
    if (!ask.can_answer) return [what, link ?? "", h("span", { class: "ipyap-detail" }, "Answer below the running cell, or interrupt the cell.")];
    const id = `ipyap-wrong-${ask.question}`;
    const field = answers.find((answer) => answer instanceof HTMLInputElement);
    if (field && ask.error) field.setAttribute("aria-describedby", id);
    return [
      what,
      h("span", { class: "ipyap-wrong", id }, ...formatted(ask.error)),
      h("span", { class: "ipyap-answers" }, link ?? null, ...answers, pushButton(this.cancel, "Cancel")),
    ];
  }

  /** Move the focus to the field or link, or else to *Cancel*: holding down Enter must not confirm. */
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
 * What is asked and why, the page to open, and the elements with which the user answers.
 * @typedef {{ what: HTMLElement, answers: HTMLElement[], link?: HTMLElement }} Parts
 * @type {{ [Kind in Ask["kind"]]: (ask: Extract<Ask, { kind: Kind }>, question: Question) => Parts }}
 */
const PARTS = {
  confirm: ({ profile, pattern, account }) => ({
    what: asked(
      h("span", {}, icon("lock"), " Switch to ", h("b", {}, profile), account && " in account ", account && h("b", {}, account), "?"),
      detail(`The pattern “${pattern}” protects this profile.`),
    ),
    answers: [submit(`Switch to ${profile}`)],
  }),

  allow: ({ text }) => ({
    what: asked(h("span", {}, icon("alert"), " ", ...formatted(text)), detail("The running cell is waiting for your answer.")),
    answers: [submit("Allow")],
  }),

  code: ({ profile, device, again }) => ({
    what: asked(h("span", {}, again ? "The next MFA code for " : "MFA code for ", h("b", {}, profile)), detail(...formatted(device))),
    answers: [
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
  }),

  sign_in: ({ profile, url, step, code, about }, { answer }) => {
    const text = step === "allow" ? "Open the page again" : "Open the sign-in page";
    const address = { class: "ipyap-button ipyap-go", href: url, target: "_blank", rel: "noopener noreferrer" };
    const answers = /** @type {HTMLElement[]} */ ([]);
    if (step === "allow") answers.push(pushButton(() => answer({ device_code: true }), "Use another browser"));
    if (step === "enter") answers.push(h("input", { name: "entered", autocomplete: "off", placeholder: "code", "aria-label": "Code from the sign-in page" }), submit("Continue"));
    return {
      what: asked(h("span", {}, "Sign in for ", h("b", {}, profile)), detail(STEPS[step](code)), rows(about)),
      answers,
      link: /^https?:/.test(url) ? h("a", address, text) : undefined,
    };
  },
};

/** What the user does on the page of a sign-in. @type {{ [Step in SignInStep]: (code: string) => Child }} */
const STEPS = {
  allow: () => "Allow the sign-in on the page that your browser has opened",
  compare: (code) => h("span", {}, "Allow the sign-in if the page shows ", h("b", {}, code)),
  enter: () => "Enter the code that the page shows",
};

const asked = (/** @type {Child[]} */ ...content) => h("div", { class: "ipyap-asked" }, ...content);

const detail = (/** @type {Child[]} */ ...content) => h("span", { class: "ipyap-detail" }, ...content);

/** Return rows with a label and a value. @param {[string, string][]} about */
const rows = (about) => h("dl", { class: "ipyap-about" }, ...about.flatMap(([label, value]) => [h("dt", {}, label), h("dd", {}, value)]));

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

/** Return whether the user isn't typing anywhere. */
function isFree() {
  return document.hasFocus() && !document.activeElement?.closest("input, textarea, [contenteditable=true], .ipyap-popup");
}
