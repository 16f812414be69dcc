// The labelling page. Whatever comes of a trace is put in as text, never as markup.

const at = (id) => document.getElementById(id);
const answer = at("answer");
const said = { critique: at("critique"), mode: at("mode") };
const NUMBER = new Intl.NumberFormat("en");
// More folded parts in a row than these are folded together.
const MANY = 4;
const GONE = "The command at the terminal has ended. What you signed before is kept.";

let pass = sessionStorage.getItem("pass") ?? "";
let seen = null;
let busy = false;

function made(tag, name = "", text = "") {
  const node = document.createElement(tag);
  if (name) node.className = name;
  if (text) node.textContent = text;
  return node;
}

const characters = (count) => `${NUMBER.format(count)} character${count === 1 ? "" : "s"}`;

class Refused extends Error {
  constructor(status, told) {
    super(told.error ?? "That did not work.");
    this.status = status;
    this.seen = told.seen;
  }
}

async function ask(path, body) {
  const headers = { authorization: `Bearer ${pass}` };
  if (body) headers["content-type"] = "application/json";
  const asked = { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) };
  let reply;
  try {
    reply = await fetch(path, asked);
  } catch {
    throw new Refused(0, { error: GONE });
  }
  const told = await reply.json().catch(() => ({}));
  if (!reply.ok) throw new Refused(reply.status, told);
  return told;
}

// One thing at a time: a key that is held down answers one item.
async function alone(work) {
  if (busy) return;
  busy = true;
  document.body.setAttribute("aria-busy", "true");
  at("problem").replaceChildren();
  try {
    await work();
  } catch (problem) {
    if (!(problem instanceof Refused)) throw problem;
    if (problem.status === 403) close("This tab may not label", problem.message);
    else {
      if (problem.seen && problem.seen.place !== seen.place) show(problem.seen);
      at("problem").textContent = problem.message;
    }
  } finally {
    busy = false;
    document.body.removeAttribute("aria-busy");
  }
}

// ---- what is shown

function only(id) {
  for (const one of ["sitting", "end", "closed"]) at(one).hidden = one !== id;
  at("top").hidden = id === "closed";
}

function close(why, what) {
  only("closed");
  at("told").replaceChildren();
  at("why").textContent = why;
  at("what").textContent = what;
  document.title = why;
  at("why").focus();
}

function show(now) {
  seen = now;
  const place = `${Math.min(now.place + 1, now.count)} of ${now.count}`;
  at("criterion").textContent = now.criterion;
  at("count").textContent = place;
  at("labelled").textContent = `${now.labelled} labelled`;
  at("progress").max = now.count;
  at("progress").value = now.place;
  at("told").replaceChildren(...suggestion(now.before, "the one before"));
  window.scrollTo(0, 0);
  if (now.place >= now.count) return showEnd(now);
  document.title = `${place} - ${now.criterion}`;
  only("sitting");
  showItem(now, place);
  showAnswer(now);
  // Whoever does not see the screen hears which item it is, and reads on from there.
  at("place").focus({ preventScroll: true });
}

function showEnd(now) {
  only("end");
  const skipped = now.count - now.labelled;
  document.title = `Done - ${now.criterion}`;
  at("count").textContent = `${now.count} of ${now.count}`;
  at("done").textContent = "That was the last one";
  at("sum").textContent =
    `${now.labelled} labelled by ${now.criterion}` + (skipped ? `, ${skipped} skipped.` : ".");
  at("done").focus();
}

function showItem(now, place) {
  at("place").textContent = `Item ${place}`;
  at("trace").textContent = now.trace;
  at("about").open = false;
  at("facts").replaceChildren();
  const kinds = {
    input: "Input",
    call: "Tool calls",
    context: "What tools returned",
    failure: "Failure",
    output: "Output",
  };
  const sections = Object.entries(kinds).map(([kind, heading]) => {
    const parts = now.parts.map((part, number) => ({ ...part, number, place: now.place }));
    const mine = parts.filter((part) => part.kind === kind);
    const section = made("section", kind);
    section.append(made("h3", "", heading), ...grouped(mine, kind));
    return mine.length ? section : null;
  });
  at("parts").replaceChildren(...sections.filter(Boolean));
}

// Runs of folded messages, and many calls, stand folded in one line.
function grouped(parts, kind) {
  const found = [];
  let run = [];
  const end = () => {
    const nodes = run.map(partNode);
    if (run.length > MANY) {
      const whole = made("details", "group");
      const noun = { call: "calls", context: "more" }[kind] ?? "earlier messages";
      const names = [...new Set(run.map((part) => part.name))].slice(0, 8).join(", ");
      const summary = made("summary");
      summary.append(made("span", "name", `${run.length} ${noun}`), made("bdi", "opening", names));
      whole.append(summary, ...nodes);
      found.push(whole);
    } else found.push(...nodes);
    run = [];
  };
  for (const part of parts) {
    if (part.folded || kind === "call") run.push(part);
    else {
      end();
      found.push(partNode(part));
    }
  }
  end();
  return found;
}

function partNode(part) {
  const text = made("div", part.data ? "text data" : "text");
  text.dir = "auto";
  if (!part.folded) {
    const whole = made("div", "part");
    if (part.name) whole.classList.add("named");
    if (part.name) whole.append(made("h4", "name", part.name));
    put(text, part, part);
    whole.append(text);
    return whole;
  }
  const whole = made("details", "part");
  const summary = made("summary");
  summary.append(made("span", "name", part.name), made("bdi", "opening", part.opening));
  summary.append(made("span", "quiet", characters(part.left)));
  whole.append(summary, text);
  whole.addEventListener("toggle", () => more(text, part, 0), { once: true });
  return whole;
}

// A piece of a text, and the way to the next.
function put(text, part, piece) {
  text.append(made("div", "piece", piece.text));
  if (piece.next === null) {
    if (!text.textContent) text.append(made("span", "quiet", "empty"));
    return;
  }
  const button = made("button", "more", `Show more: ${characters(piece.left)} are left`);
  button.type = "button";
  button.addEventListener("click", () => more(text, part, piece.next, button));
  text.append(button);
}

async function more(text, part, start, button) {
  try {
    const piece = await ask(`/rest?place=${part.place}&part=${part.number}&at=${start}`);
    button?.remove();
    put(text, part, piece);
    if (button) text.querySelector("button")?.focus({ preventScroll: true });
  } catch (problem) {
    at("problem").textContent = problem.message;
  }
}

function suggestion(told, of) {
  if (!told) return [];
  const whole = made("p", told.verdict === told.given ? "agrees" : "differs");
  const mode = told.mode ? ` (${told.mode})` : "";
  whole.append(
    made("b", "", told.labeller), ` suggested ${told.verdict}${mode} of ${of}; you said ${told.given}. `,
    made("q", "", told.critique),
  );
  if (told.verdict !== told.given && of === "the one before") {
    whole.append(" ", made("kbd", "", "u"), " to answer again.");
  }
  return [whole];
}

function showAnswer(now) {
  answer.reset();
  at("passes").textContent = now.passes;
  at("fails").textContent = now.fails;
  at("labeller").textContent = now.labeller;
  at("back").disabled = now.place === 0;
  at("suggested").replaceChildren(...suggestion(now.suggested, "this"));
  at("modes").replaceChildren(...now.modes.map(modeNode));
  if (now.given) {
    said.critique.value = now.given.critique;
    said.mode.value = now.given.mode;
    choose(now.given.verdict);
  } else showKinds();
}

function modeNode(mode, place) {
  const button = made("button", "mode");
  button.type = "button";
  if (place < 9) button.append(made("kbd", "", String(place + 1)));
  button.append(made("bdi", "", mode));
  button.dataset.mode = mode;
  button.addEventListener("click", () => {
    said.mode.value = mode;
    showChosen();
    said.mode.focus();
  });
  return button;
}

function showKinds() {
  at("kinds").hidden = verdict() !== "fail";
  showChosen();
}

// Which of the kinds is meant, and which begin or go on as what was typed.
function showChosen() {
  const typed = said.mode.value.trim().toLowerCase();
  const number = /^\d+$/.test(typed) ? Number(typed) : 0;
  [...at("modes").children].forEach((button, place) => {
    const mode = button.dataset.mode.toLowerCase();
    const chosen = number ? number === place + 1 : typed === mode;
    button.setAttribute("aria-pressed", String(chosen));
    button.classList.toggle("apart", Boolean(typed) && !number && !mode.includes(typed));
  });
}

// ---- what a person does

const verdict = () => answer.elements.verdict.value;

function choose(value) {
  answer.elements.verdict.value = value;
  showKinds();
}

const move = (does, more = {}) =>
  alone(async () => show(await ask("/move", { does, place: seen.place, ...more })));

function sign() {
  if (!verdict()) {
    at("problem").textContent = "Say first whether it passes: y or n.";
    answer.elements.verdict[0].focus();
  } else if (!said.critique.value.trim()) {
    at("problem").textContent = "A label without a reason teaches nobody: say why.";
    said.critique.focus();
  } else {
    const { critique, mode } = said;
    const kind = verdict() === "fail" ? mode.value : "";
    move("answer", { verdict: verdict(), critique: critique.value, mode: kind });
  }
}

function leave() {
  return alone(async () => {
    const { labelled } = await ask("/leave", {});
    sessionStorage.removeItem("pass");
    close("Thank you", `${labelled} labelled, and signed. You can close this tab.`);
  });
}

function typed(event) {
  if (event.key === "Escape") {
    at("place").focus({ preventScroll: true });
  } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    const asksKind = event.target === said.critique && verdict() === "fail" && !event.ctrlKey;
    if (asksKind && said.critique.value.trim()) said.mode.focus();
    else sign();
  }
}

function pressed(event) {
  const typing = event.target === said.critique || event.target === said.mode;
  if (event.repeat || at("top").hidden) return;
  if (typing) return typed(event);
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const acts = event.target.closest("button, summary, a");
  const keys = at("sitting").hidden
    ? { u: () => move("back"), Enter: leave }
    : {
        y: () => { choose("pass"); said.critique.focus(); },
        n: () => { choose("fail"); said.critique.focus(); },
        s: () => move("skip"),
        u: () => { if (seen.place) move("back"); },
        Enter: sign,
      };
  const does = event.key === "Enter" ? !acts && keys.Enter : keys[event.key.toLowerCase()];
  if (does) {
    event.preventDefault();
    does();
  }
}

document.addEventListener("keydown", pressed);
answer.addEventListener("submit", (event) => { event.preventDefault(); sign(); });
answer.addEventListener("change", showKinds);
said.mode.addEventListener("input", showChosen);
for (const label of document.querySelectorAll(".verdict")) {
  // By hand, not by the arrow keys that go from one to the other.
  label.addEventListener("click", (event) => { if (event.detail) said.critique.focus(); });
}
at("skip").addEventListener("click", () => move("skip"));
at("back").addEventListener("click", () => move("back"));
at("again").addEventListener("click", () => move("back"));
at("leave").addEventListener("click", leave);
at("finish").addEventListener("click", leave);
at("about").addEventListener("toggle", () => {
  if (!at("about").open || at("facts").children.length) return;
  alone(async () => {
    for (const [name, value] of Object.entries(await ask("/about"))) {
      at("facts").append(made("dt", "", name.replaceAll("_", " ")), made("dd", "", value));
    }
  });
});

// ---- coming in

alone(async () => {
  const secret = location.hash.slice(1);
  // It opens once; nothing that keeps addresses needs to keep it.
  if (secret) history.replaceState(null, "", "/");
  if (secret) {
    const told = await ask("/enter", { secret }).catch((problem) => {
      if (!pass || problem.status !== 403) throw problem;
      return { pass };
    });
    pass = told.pass;
    sessionStorage.setItem("pass", pass);
  }
  show(await ask("/item"));
}).then(() => {
  if (!seen && at("problem").textContent) close("Nothing is there to label", at("problem").textContent);
});
