// The picker's whole interaction: search, choose, ask, show. It holds no AWS logic and keeps
// nothing: profiles, identities and codes travel as messages between this view and the kernel.
//
// A view first says that it is there. Until the kernel answers, and whenever the kernel is gone,
// a quiet placeholder stands in for it; that is all there is to see in a saved notebook.

// Columns of a profile's row, as `messages.py` sends them.
const NAME = 0, KIND = 1, ACCOUNT = 2, ROLE = 3, SOURCE = 4, REGION = 5, MFA = 6, PROTECTED = 7;

const ROW_HEIGHT = 28; // pixels, as in picker.css
const ROWS_SHOWN = 9;
const OVERSCAN = 4;
const AMBER = 15 * 60, RED = 5 * 60; // seconds left
const SLOW = 3000; // milliseconds until a wait is explained

const ICONS = {
  search: "M7 2a5 5 0 1 0 3 9l3.5 3.5 1-1L11 10a5 5 0 0 0-4-8Zm0 1.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7Z",
  chevron: "m3.5 5.5 4.5 4.5 4.5-4.5 1 1L8 12 2.5 6.5Z",
  star: "m8 1.8 1.9 3.9 4.3.6-3.1 3 .7 4.3L8 11.6l-3.8 2 .7-4.3-3.1-3 4.3-.6Z",
  lock: "M8 1.5A3 3 0 0 0 5 4.5V7H4v7h8V7h-1V4.5a3 3 0 0 0-3-3Zm0 1.4c.9 0 1.6.7 1.6 1.6V7H6.4V4.5c0-.9.7-1.6 1.6-1.6Z",
  refresh: "M8 2.5a5.5 5.5 0 1 0 5.4 6.6h-1.6A4 4 0 1 1 11 5.2L9 7.2h5v-5L12.1 4A5.5 5.5 0 0 0 8 2.5Z",
};

/** Make an element: attributes, `on…` listeners, and children that are elements or text. */
function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", `ipyap-icon ipyap-icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

const counted = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

// ---------------------------------------------------------------------------------------------
// The profiles: which there are, in which order, and which of them fit what was typed.

class Profiles {
  constructor() {
    this.rows = [];
    this.version = 0;
    this.pins = new Set();
    this.recent = [];
    this.order = [];
    this.first = 0; // how many pinned and recent ones stand in front
  }

  take(rows, version) {
    this.rows = rows;
    this.version = version;
    this.byName = new Map(rows.map((row, index) => [row[NAME], index]));
    this.names = rows.map((row) => row[NAME].toLowerCase());
    this.haystacks = rows.map((row) =>
      [row[NAME], row[ACCOUNT], row[ROLE], row[REGION], row[SOURCE]].join("\n").toLowerCase(),
    );
    // A search that finds nothing, before the first keystroke: the engine prepares the texts and
    // the code when they are first used, and somebody would wait for that.
    setTimeout(() => this.matching(["\0"]));
  }

  /** Pinned ones first, then the recently used, then all in the order of the files. */
  arrange(pins, recent) {
    this.pins = new Set(pins);
    this.recent = recent;
    const front = new Set(
      [...pins, ...recent].map((name) => this.byName?.get(name)).filter((index) => index != null),
    );
    this.first = front.size;
    this.order = [...front];
    for (let index = 0; index < this.rows.length; index++) {
      if (!front.has(index)) this.order.push(index);
    }
  }

  isArranged(pins, recent) {
    return [...this.pins].join("\n") === pins.join("\n") && this.recent.join("\n") === recent.join("\n");
  }

  named(name) {
    const index = this.byName?.get(name);
    return index == null ? null : this.rows[index];
  }

  /** Indexes of the rows that contain each word somewhere; names that begin so come first. */
  matching(words) {
    if (!words.length) return this.order;
    const [word] = words;
    const ranks = [[], [], [], []];
    for (const index of this.order) {
      const haystack = this.haystacks[index];
      if (!words.every((one) => haystack.includes(one))) continue;
      const name = this.names[index];
      const rank = name === word ? 0 : name.startsWith(word) ? 1 : name.includes(word) ? 2 : 3;
      ranks[rank].push(index);
    }
    return ranks.flat();
  }
}

const wordsOf = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);

/** The text with every word that was searched for marked in it. */
function marked(text, words) {
  if (!words.length) return [text];
  const escaped = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const parts = text.split(new RegExp(`(${escaped.join("|")})`, "i"));
  return parts.map((part, index) => (index % 2 ? h("mark", {}, part) : part));
}

// ---------------------------------------------------------------------------------------------
// The list: however many profiles there are, only the rows in sight are in the page.

class List {
  constructor(profiles, id, { pick, pin }) {
    this.profiles = profiles;
    this.id = id;
    this.shown = [];
    this.words = [];
    this.active = 0;
    this.drawn = new Map(); // the rows in the page, by their place in the list
    this.current = null; // name of the profile that the notebook works as
    this.spacer = h("div", { class: "ipyap-spacer", role: "presentation" });
    this.box = h(
      "div",
      {
        class: "ipyap-rows",
        role: "listbox",
        id: `${id}-list`,
        "aria-label": "AWS profiles",
        onscroll: () => this.draw(),
        onmousemove: (event) => this.point(event),
        onclick: (event) => {
          const row = event.target.closest("[role=option]");
          if (!row) return;
          const name = this.profiles.rows[this.shown[row.dataset.index]][NAME];
          event.target.closest(".ipyap-pin") ? pin(name) : pick(name);
        },
      },
      this.spacer,
    );
    this.nothing = h("div", { class: "ipyap-nothing", hidden: true });
    this.element = h(
      "div",
      {
        class: "ipyap-list",
        hidden: true,
        // The field keeps the focus while the mouse is in the list.
        onmousedown: (event) => event.preventDefault(),
      },
      h(
        "div",
        { class: "ipyap-row ipyap-head", "aria-hidden": "true" },
        ...["", "profile", "role", "kind", "account", "region", ""].map((name) => h("span", {}, name)),
      ),
      this.box,
      this.nothing,
      h(
        "div",
        { class: "ipyap-foot", "aria-hidden": "true" },
        ...[["↑↓", "choose"], ["Enter", "switch"], ["Alt P", "pin"], ["Esc", "close"]].map(
          ([key, does]) => h("span", {}, h("b", {}, key), ` ${does}`),
        ),
      ),
    );
  }

  get activeId() {
    return this.shown.length ? `${this.id}-option-${this.active}` : null;
  }

  get activeName() {
    const index = this.shown[this.active];
    return index == null ? null : this.profiles.rows[index][NAME];
  }

  /** Show what fits; the height goes by all profiles, so that typing moves nothing. */
  search(words) {
    this.words = words;
    this.shown = this.profiles.matching(words);
    this.active = 0;
    const total = this.profiles.rows.length;
    this.box.style.height = `${Math.min(Math.max(total, 2), ROWS_SHOWN) * ROW_HEIGHT}px`;
    this.spacer.style.height = `${this.shown.length * ROW_HEIGHT}px`;
    this.nothing.hidden = this.shown.length > 0;
    this.nothing.textContent = total
      ? "No profile fits all of these words."
      : this.profiles.version
        ? "There is no profile in the shared config files."
        : "Reading the shared config files …";
    this.box.scrollTop = 0;
    this.draw();
  }

  move(to) {
    this.active = Math.max(0, Math.min(this.shown.length - 1, to));
    const top = this.active * ROW_HEIGHT;
    const height = this.box.clientHeight;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (top + ROW_HEIGHT > this.box.scrollTop + height) {
      this.box.scrollTop = top + ROW_HEIGHT - height;
    }
    this.draw();
  }

  moveTo(name) {
    this.move(this.shown.findIndex((index) => this.profiles.rows[index][NAME] === name));
  }

  point(event) {
    const row = event.target.closest("[role=option]");
    if (row && Number(row.dataset.index) !== this.active) {
      this.active = Number(row.dataset.index);
      this.draw();
      this.onpoint?.();
    }
  }

  /**
   * Put the rows in sight into the page. Those that stay as they are stay the same elements:
   * a click that begins on one must end on it.
   */
  draw() {
    const from = Math.max(0, Math.floor(this.box.scrollTop / ROW_HEIGHT) - OVERSCAN);
    const until = Math.min(this.shown.length, from + ROWS_SHOWN + 2 * OVERSCAN);
    const wanted = [];
    for (let index = from; index < until; index++) wanted.push(index);
    // The active row stays in the page while it is scrolled away: the field refers to it.
    if (this.shown.length && this.active < from) wanted.unshift(this.active);
    if (this.shown.length && this.active >= until) wanted.push(this.active);

    const drawn = new Map(wanted.map((index) => [index, this.kept(index) ?? this.row(index)]));
    for (const [index, row] of this.drawn) if (drawn.get(index) !== row) row.remove();
    wanted.forEach((index, place) => {
      const row = drawn.get(index);
      row.classList.toggle("ipyap-active", index === this.active);
      const there = this.spacer.children[place];
      if (there !== row) this.spacer.insertBefore(row, there ?? null);
    });
    this.drawn = drawn;
  }

  /** The element of a row, if it is in the page and still says the same. */
  kept(index) {
    const row = this.drawn.get(index);
    return row?.says === this.saying(index) ? row : null;
  }

  saying(index) {
    const row = this.profiles.rows[this.shown[index]];
    const { first, pins } = this.profiles;
    const place = [index === first - 1, this.shown.length, pins.has(row[NAME]), this.current];
    return JSON.stringify([row, this.words, place]);
  }

  row(index) {
    const row = this.profiles.rows[this.shown[index]];
    const pinned = this.profiles.pins.has(row[NAME]);
    const cell = (column, ...more) =>
      h("span", { class: "ipyap-cell" }, ...marked(row[column], this.words), ...more);
    const source = row[SOURCE]
      ? h("span", { class: "ipyap-source" }, " ← ", ...marked(row[SOURCE], this.words))
      : null;
    const name = cell(NAME, source);
    if (row[PROTECTED]) name.prepend(icon("lock"));
    const classes = ["ipyap-row"];
    if (row[PROTECTED]) classes.push("ipyap-protected");
    if (!this.words.length && index === this.profiles.first - 1 && index + 1 < this.shown.length) {
      classes.push("ipyap-last-of-first");
    }
    const element = h(
      "div",
      {
        class: classes.join(" "),
        role: "option",
        id: `${this.id}-option-${index}`,
        style: `top:${index * ROW_HEIGHT}px`,
        title: described(row),
        "aria-label": described(row).replaceAll("\n", ", "),
        "aria-selected": String(row[NAME] === this.current),
        "aria-posinset": index + 1,
        "aria-setsize": this.shown.length,
        "data-index": index,
      },
      h(
        "span",
        { class: `ipyap-pin${pinned ? " ipyap-pinned" : ""}`, title: pinned ? "Unpin" : "Pin" },
        icon("star"),
      ),
      name,
      cell(ROLE),
      h("span", { class: "ipyap-cell" }, h("span", { class: "ipyap-tag" }, row[KIND])),
      h("span", { class: "ipyap-cell ipyap-mono" }, ...marked(row[ACCOUNT], this.words)),
      h("span", { class: "ipyap-cell ipyap-mono" }, ...marked(row[REGION], this.words)),
      h("span", { class: "ipyap-cell ipyap-end" }, row[MFA] ? h("span", { class: "ipyap-tag ipyap-mfa" }, "MFA") : null),
    );
    element.says = this.saying(index);
    return element;
  }
}

function described(row) {
  const lines = [row[SOURCE] ? `${row[NAME]} ← ${row[SOURCE]}` : row[NAME], row[KIND]];
  if (row[ROLE]) lines.push(`role ${row[ROLE]}`);
  if (row[ACCOUNT]) lines.push(`account ${row[ACCOUNT]}`);
  if (row[REGION]) lines.push(`region ${row[REGION]}`);
  if (row[MFA]) lines.push("asks for an MFA code");
  if (row[PROTECTED]) lines.push("protected");
  return lines.join("\n");
}

// ---------------------------------------------------------------------------------------------
// The identity: who the notebook works as, and a countdown that needs no kernel.

class IdentityCard {
  constructor(refresh) {
    this.identity = null;
    this.aliases = new Map();
    this.title = h("span", { class: "ipyap-title" });
    this.guard = h("span", { class: "ipyap-badge ipyap-guard", hidden: true }, "protected");
    this.badge = h("span", { class: "ipyap-badge ipyap-left", role: "timer", hidden: true });
    this.button = h(
      "button",
      { class: "ipyap-button ipyap-refresh", type: "button", title: "Get new credentials now", onclick: refresh },
      icon("refresh"),
      "Refresh",
    );
    this.details = h("div", { class: "ipyap-details" });
    this.element = h(
      "div",
      { class: "ipyap-identity", role: "group", "aria-label": "Active identity" },
      h("div", { class: "ipyap-titles" }, this.title, this.guard, this.badge, this.button),
      this.details,
    );
  }

  show(identity) {
    this.identity = identity;
    this.ends = identity?.left == null ? null : Date.now() + identity.left * 1000;
    this.element.classList.toggle("ipyap-none", !identity);
    this.element.classList.toggle("ipyap-protected", Boolean(identity?.protected));
    this.guard.hidden = !identity?.protected;
    this.button.hidden = !identity;
    this.title.textContent = identity ? named(identity) : "No profile is active";
    this.badge.title = identity?.expires
      ? `These credentials end at ${identity.expires}; the session renews itself when it is used.`
      : "";
    this.fill();
    this.tick();
  }

  named(account, alias) {
    this.aliases.set(account, alias);
    this.fill();
  }

  fill() {
    if (!this.identity) {
      this.details.replaceChildren(
        h("span", { class: "ipyap-note" }, "Choose one, and the notebook’s variable ", h("b", {}, "session"), " works as it."),
      );
      return;
    }
    const { account, arn, region, variable, notes } = this.identity;
    const alias = this.aliases.get(account);
    const rows = [
      ["account", alias ? `${account} (${alias})` : account],
      ["ARN", arn],
      ["region", region ?? "none"],
      ...(variable ? [["variable", variable]] : []),
    ];
    this.details.replaceChildren(
      ...rows.flatMap(([label, value]) => [
        h("span", { class: "ipyap-label" }, label),
        h("span", { class: "ipyap-value" }, value),
      ]),
      ...notes.map((note) => h("span", { class: "ipyap-note" }, note.replaceAll("`", ""))),
    );
  }

  tick() {
    this.badge.hidden = this.ends == null;
    if (this.ends == null) return;
    const left = Math.max(0, Math.ceil((this.ends - Date.now()) / 1000));
    this.badge.dataset.tone = left < RED ? "red" : left < AMBER ? "amber" : "calm";
    this.badge.textContent = left ? `${clock(left)} left` : "expired";
  }
}

/** Which profiles led to an identity; a role that no profile names goes by its ARN. */
const named = (identity) => identity.chain.join(" ← ") || identity.arn;

function clock(seconds) {
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

// ---------------------------------------------------------------------------------------------
// The questions between a choice and its switch: a confirmation, a code.

class Question {
  constructor({ answer, cancel }) {
    this.answer = answer;
    this.cancel = cancel;
    this.element = h("form", {
      class: "ipyap-question",
      hidden: true,
      onsubmit: (event) => {
        event.preventDefault();
        this.submit();
      },
      onkeydown: (event) => {
        if (event.key === "Escape") this.cancel();
      },
    });
  }

  close() {
    this.waiting = false;
    this.element.hidden = true;
    this.element.replaceChildren(); // a typed code doesn't stay in the page
  }

  confirm(profile) {
    const stop = this.stop();
    this.submit = () => this.answer({ confirmed: true });
    this.ask(
      "ipyap-guarded",
      h("span", { class: "ipyap-asked" }, icon("lock"), h("span", {}, "Switch to ", h("b", {}, profile), "? It is protected.")),
      h("button", { class: "ipyap-button ipyap-danger", type: "submit" }, `Switch to ${profile}`),
      stop,
    );
    stop.focus(); // a held Enter key must not confirm
  }

  code(profile, device, again) {
    const field = h("input", {
      class: "ipyap-code",
      autocomplete: "one-time-code",
      inputmode: "numeric",
      maxlength: 12,
      size: 8,
      placeholder: "000000",
      "aria-label": `MFA code of ${device}`,
    });
    this.submit = () => {
      const code = field.value.replace(/\s/g, "");
      if (code) this.answer({ code });
    };
    this.ask(
      "",
      h(
        "span",
        { class: "ipyap-asked" },
        h("span", {}, again ? "The next MFA code for " : "MFA code for ", h("b", {}, profile)),
        h("span", { class: "ipyap-device", title: device }, device),
      ),
      field,
      h("button", { class: "ipyap-button ipyap-go", type: "submit" }, "Continue"),
      this.stop(),
    );
    field.focus();
  }

  /** The kernel goes on by itself once the person has allowed it on that page. */
  signIn(profile, url, code) {
    this.submit = () => {};
    const safe = /^https?:/.test(url);
    this.ask(
      "",
      h(
        "span",
        { class: "ipyap-asked" },
        h("span", {}, "Sign in for ", h("b", {}, profile)),
        h("span", { class: "ipyap-device" }, "Allow it if the page shows ", h("b", {}, code)),
      ),
      ...(safe ? [h("a", { class: "ipyap-button ipyap-go", href: url, target: "_blank", rel: "noopener noreferrer" }, "Open the sign-in page")] : []),
      this.stop(),
    );
    this.waiting = true;
    this.element.querySelector("a")?.focus();
  }

  ask(kind, ...parts) {
    this.waiting = false;
    this.element.className = `ipyap-question ${kind}`;
    this.element.replaceChildren(...parts);
    this.element.hidden = false;
  }

  stop() {
    return h("button", { class: "ipyap-button", type: "button", onclick: () => this.cancel() }, "Cancel");
  }
}

// ---------------------------------------------------------------------------------------------
// The view: puts the parts together, and talks to the kernel.

class View {
  constructor(model, el) {
    this.model = model;
    this.id = `ipyap-${Math.random().toString(36).slice(2, 10)}`;
    this.profiles = new Profiles();
    this.list = new List(this.profiles, this.id, {
      pick: (name) => this.pick(name),
      pin: (name) => this.pin(name),
    });
    this.list.onpoint = () => this.describe();
    this.card = new IdentityCard(() => this.ask({ type: "refresh" }, this.value));
    this.question = new Question({
      answer: (more) => this.ask({ ...this.asked, ...more }, this.target),
      cancel: () => this.rest(true),
    });
    this.known = false; // whether the kernel has answered
    this.build(el);
  }

  get value() {
    return this.card.identity?.profile ?? "";
  }

  get isOpen() {
    return !this.list.element.hidden;
  }

  build(el) {
    this.input = h("input", {
      class: "ipyap-input",
      role: "combobox",
      type: "text",
      spellcheck: "false",
      autocomplete: "off",
      autocapitalize: "off",
      "aria-label": "AWS profile",
      "aria-autocomplete": "list",
      "aria-haspopup": "listbox",
      "aria-expanded": "false",
      "aria-controls": `${this.id}-list`,
      placeholder: "Search profiles",
      oninput: () => this.typed(),
      onclick: () => this.open(),
      onkeydown: (event) => this.key(event),
    });
    this.count = h("span", { class: "ipyap-count", "aria-hidden": "true" });
    this.field = h(
      "div",
      { class: "ipyap-field" },
      icon("search"),
      this.input,
      this.count,
      h(
        "button",
        {
          class: "ipyap-toggle",
          type: "button",
          tabindex: -1,
          "aria-label": "Show the profiles",
          onmousedown: (event) => event.preventDefault(),
          onclick: () => (this.isOpen ? this.rest() : this.open()),
        },
        icon("chevron"),
      ),
    );
    this.region = h("select", {
      class: "ipyap-select",
      "aria-label": "AWS Region",
      onchange: () => this.changeRegion(),
    });
    this.regions = [];
    this.error = h("div", { class: "ipyap-error", role: "alert" });
    this.status = h("div", { class: "ipyap-unseen", role: "status", "aria-live": "polite" });
    this.live = h(
      "div",
      { class: "ipyap-live", hidden: true, onfocusout: (event) => this.left(event) },
      h("div", { class: "ipyap-bar" }, this.field, h("span", { class: "ipyap-choice" }, this.region, icon("chevron"))),
      this.list.element,
      this.question.element,
      this.error,
      this.card.element,
      this.status,
    );
    this.placeholder = h(
      "div",
      { class: "ipyap-placeholder" },
      "The profile picker has no kernel. Run its cell to choose an AWS profile.",
    );
    this.root = h(
      "div",
      // https://lumino.readthedocs.io: keys typed here are not the application's shortcuts.
      { class: "ipyap", "data-lm-suppress-shortcuts": "true" },
      this.placeholder,
      this.live,
    );
    for (const type of ["keydown", "keypress"]) {
      this.root.addEventListener(type, (event) => event.stopPropagation());
    }
    el.append(this.root);
  }

  // ---- the kernel

  send(message) {
    this.model.send({ ...message, view: this.id });
  }

  begin() {
    this.send({ type: "ready" });
    this.send({ type: "list", have: 0 });
  }

  receive(message, buffers) {
    if (message.view && message.view !== this.id) return;
    if (!this.known) this.wake();
    switch (message.type) {
      case "profiles": return this.takeProfiles(message, buffers);
      case "identity": return this.takeIdentity(message);
      case "alias": return this.card.named(message.account, message.alias);
      case "done": return this.done();
      case "confirm": return this.interrupt(() => this.question.confirm(this.target));
      case "code":
        return this.interrupt(() => {
          this.showError(message.html);
          this.question.code(this.target, message.device, Boolean(message.html));
          this.say(message.html ? "The code was refused." : `An MFA code of ${message.device} is needed.`);
        });
      case "sign_in":
        return this.interrupt(() => {
          this.question.signIn(this.target, message.url, message.code);
          this.say("A sign-in is needed.");
        });
      case "signed_in": return this.question.waiting ? this.ask(this.asked, this.target) : null;
      case "error": return this.interrupt(() => this.fail(message.html));
    }
  }

  wake() {
    this.known = true;
    this.placeholder.hidden = true;
    this.live.hidden = false;
    this.card.show(this.card.identity);
    this.offerRegions();
  }

  /** Without its kernel the view knows nothing any more, and says so. */
  sleep() {
    this.known = false;
    this.idle();
    this.rest();
    this.card.show(null);
    this.placeholder.hidden = false;
    this.live.hidden = true;
  }

  takeProfiles({ version, pins, recent, regions }, buffers) {
    const text = buffers?.[0];
    if (text) {
      this.profiles.take(JSON.parse(new TextDecoder().decode(text)), version);
      this.regions = regions;
      this.input.placeholder = `Search ${counted(this.profiles.rows.length, "profile")}`;
      this.offerRegions();
    } else if (this.profiles.isArranged(pins, recent)) return;
    const { active, activeName } = this.list;
    this.profiles.arrange(pins, recent);
    if (!this.isOpen) return;
    this.search();
    if (active) this.list.moveTo(activeName); // who has moved already stays where they are
    this.describe();
  }

  takeIdentity({ identity, view }) {
    this.card.show(identity);
    this.list.current = identity?.profile ?? null;
    this.offerRegions();
    if (identity && !this.card.aliases.has(identity.account)) {
      this.send({ type: "alias", account: identity.account });
    }
    if (!this.isOpen && this.question.element.hidden) this.rest();
    if (view) return;
    this.showError("");
    this.say(identity ? `The notebook works as ${named(identity)}.` : "No profile is active.");
  }

  // ---- asking for a switch

  pick(name) {
    const early = this.card.identity ? "" : this.region.value;
    this.ask({ type: "switch", profile: name, region: early || null }, name);
  }

  changeRegion() {
    if (!this.card.identity) return; // it is kept for the profile that will be chosen
    this.ask({ type: "region", region: this.region.value || null }, this.value);
  }

  ask(message, target) {
    if (this.busy) return;
    const { code, confirmed, ...asked } = message;
    this.asked = confirmed ? { ...asked, confirmed } : asked; // a code is good once
    this.target = target;
    this.close();
    this.question.close();
    this.showError("");
    this.input.value = target;
    this.busy = true;
    this.input.readOnly = true;
    this.root.classList.add("ipyap-busy");
    this.live.setAttribute("aria-busy", "true");
    this.count.textContent = message.type === "refresh" ? "refreshing …" : "switching …";
    this.say(message.type === "refresh" ? "Refreshing." : "Switching.");
    this.slow = setTimeout(() => { this.count.textContent = "waiting for the kernel and AWS …"; }, SLOW);
    this.send(message);
  }

  idle() {
    clearTimeout(this.slow);
    this.busy = false;
    this.input.readOnly = false;
    this.root.classList.remove("ipyap-busy");
    this.live.removeAttribute("aria-busy");
    this.count.textContent = "";
  }

  done() {
    if (!this.busy) return;
    this.idle();
    this.rest(true);
  }

  interrupt(then) {
    this.idle();
    then();
  }

  fail(html) {
    this.showError(html);
    this.input.value = this.value;
    this.offerRegions();
  }

  showError(html) {
    // The kernel made the card and escaped what is in it.
    this.error.innerHTML = html;
  }

  pin(name) {
    const pinned = !this.profiles.pins.has(name);
    const pins = [...this.profiles.pins].filter((one) => one !== name);
    this.profiles.arrange(pinned ? [...pins, name] : pins, this.profiles.recent);
    const { active } = this.list;
    const { scrollTop } = this.list.box;
    this.search();
    this.list.box.scrollTop = scrollTop;
    this.list.move(active);
    this.describe();
    this.send({ type: "pin", profile: name, pinned });
    this.say(pinned ? `${name} is pinned.` : `${name} is no longer pinned.`);
  }

  // ---- the field and its list

  open() {
    if (this.isOpen || this.busy) return;
    this.question.close();
    this.showError("");
    this.query = "";
    this.input.select();
    this.list.element.hidden = false;
    this.field.classList.add("ipyap-open");
    this.input.setAttribute("aria-expanded", "true");
    this.search();
    this.send({ type: "list", have: this.profiles.version }); // the files may have changed
  }

  close() {
    this.list.element.hidden = true;
    this.field.classList.remove("ipyap-open");
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
    if (!this.busy) this.count.textContent = "";
  }

  /** Back to the quiet state: the field shows the active profile, and nothing is asked. */
  rest(focus = false) {
    if (this.busy) return;
    this.close();
    this.question.close();
    this.asked = null;
    this.input.value = this.value;
    this.offerRegions();
    if (focus) this.input.focus();
  }

  left(event) {
    if (this.isOpen && !this.live.contains(event.relatedTarget)) this.rest();
  }

  typed() {
    if (this.busy) return;
    if (!this.isOpen) this.open();
    this.query = this.input.value;
    this.search();
  }

  search() {
    this.list.search(wordsOf(this.query));
    const { length } = this.list.shown;
    const total = this.profiles.rows.length;
    this.count.textContent = length === total ? "" : `${length.toLocaleString("en")} of ${total.toLocaleString("en")}`;
    this.describe();
    if (this.query) this.say(counted(length, "profile"));
  }

  describe() {
    const { activeId } = this.list;
    if (activeId) this.input.setAttribute("aria-activedescendant", activeId);
    else this.input.removeAttribute("aria-activedescendant");
  }

  key(event) {
    if (event.isComposing) return;
    if (event.altKey && event.code === "KeyP" && this.isOpen) {
      event.preventDefault();
      if (this.list.activeName) this.pin(this.list.activeName);
      return;
    }
    const { active, shown } = this.list;
    const steps = {
      ArrowDown: active + 1,
      ArrowUp: active - 1,
      PageDown: active + ROWS_SHOWN - 1,
      PageUp: active - ROWS_SHOWN + 1,
      Home: 0,
      End: shown.length - 1,
    };
    if (!this.isOpen) {
      if (event.key === "ArrowDown" || event.key === "ArrowUp" || event.key === "Enter") {
        event.preventDefault();
        this.open();
      }
    } else if (event.key in steps) {
      event.preventDefault();
      this.list.move(steps[event.key]);
      this.describe();
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (this.list.activeName) this.pick(this.list.activeName);
    } else if (event.key === "Escape") {
      event.preventDefault();
      this.rest();
    }
  }

  // ---- the region

  offerRegions() {
    const chosen = this.card.identity ? this.card.identity.chosen_region : this.region.value;
    const own = this.profiles.named(this.value)?.[REGION];
    const options = [["", own ? `${own} (profile’s)` : "profile’s region"]];
    for (const name of new Set([...(chosen ? [chosen] : []), ...this.regions])) options.push([name, name]);
    this.region.replaceChildren(...options.map(([value, text]) => h("option", { value }, text)));
    this.region.value = chosen ?? "";
  }

  say(text) {
    this.status.textContent = text;
  }
}

function render({ model, el }) {
  const view = new View(model, el);
  const onMessage = (message, buffers) => view.receive(message, buffers);
  // The line to the kernel was cut, or is there again: whoever answers will tell.
  const onComm = () => {
    view.sleep();
    try {
      view.begin();
    } catch {
      // There is nobody to send to.
    }
  };
  model.on("msg:custom", onMessage);
  model.on("comm_live_update", onComm);
  const timer = setInterval(() => view.card.tick(), 1000);
  view.begin();
  return () => {
    clearInterval(timer);
    clearTimeout(view.slow);
    model.off("msg:custom", onMessage);
    model.off("comm_live_update", onComm);
  };
}

export default { render };
