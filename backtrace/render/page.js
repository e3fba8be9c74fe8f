const id = (name) => document.getElementById(name);
const data = JSON.parse(id("data").textContent);
const { name, gates } = data;
const steps = [
  { pass: "s" },
  ...gates.map((gate) => ({ pass: "f", gate })),
  ...[...gates].reverse().map((gate, k) => ({ pass: "b", gate, sums: data.sums[k] })),
];
const backAt = (gate) => steps.length - 1 - gates.indexOf(gate);
const nodes = Array.from({ length: data.count }, (_, k) => k);
/* a sentence in the page's language, with the values put in */
const tell = (text, values = {}) =>
  (data.sentences?.[text] ?? text).replace(/\{(\w+)\}/g, (_, key) => values[key]);
const items = [...document.querySelectorAll(".steps li")];
const slider = id("at"),
  play = id("play");
/* one drawing, or more of which one is shown: all boxes folded, each open, every gate at the end */
const { drawings } = data;
if (drawings.length > 1) unpack();
const sheets = [...document.querySelectorAll(".drawing")];
/* as render/_packing.py packs it: ~, three digits of how far back, two of how long */
function unpack() {
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-";
  const valueIn = (text) => [...text].reduce((value, digit) => 64 * value + digits.indexOf(digit), 0);
  const letters = [];
  for (const piece of data.others.split(/(~.{5})/)) {
    if (piece[0] !== "~") for (const letter of piece) letters.push(letter);
    else {
      const back = valueIn(piece.slice(1, 4)),
        from = letters.length - back;
      if (!back) letters.push("~");
      for (let at = from, end = from + valueIn(piece.slice(4)); at < end; at++) letters.push(letters[at]);
    }
  }
  for (const markup of letters
    .join("")
    .replace(/["`]/g, (mark) => (mark === "`" ? '"' : "`"))
    .split("\0")) {
    const sheet = Object.assign(document.createElement("div"), { className: "drawing", hidden: true });
    sheet.innerHTML = markup;
    document.querySelector(".card").append(sheet);
  }
}
const homeOf = (drawing, node) => id(`${drawing.ids}-${drawing.home?.[node] ?? node}`);
const signs = (node) => drawings.map(({ ids }) => id(`${ids}-${node}`)).filter(Boolean);
const text = (node, kind) => signs(node).flatMap((sign) => [...sign.querySelectorAll(`.${name}-${kind}`)]);
/* wires and what branches carry back, with the wires of the trace behind each: of a box there are several */
const pieces = drawings.flatMap(({ ids }) =>
  [...document.querySelectorAll(`[id^="${ids}-w"], [id^="${ids}-t"]`)]
    .filter((element) => element.id !== `${ids}-t`)
    .map((element) => ({
      element,
      isWire: element.tagName === "path",
      ways: (element.dataset.ways ?? element.id.slice(ids.length + 2))
        .split(" ")
        .map((way) => way.split("-").map(Number)),
    })),
);
const right = nodes.map((node) => text(node, "r").map((e) => e.textContent));
let opened = 0;
function mark(node) {
  document.querySelectorAll(".card g.on").forEach((sign) => sign.classList.remove("on"));
  drawings.forEach((drawing) => homeOf(drawing, node)?.classList.add("on"));
}
function open(drawing) {
  opened = drawing;
  sheets.forEach((sheet, k) => (sheet.hidden = k !== drawing));
  id("fold").disabled = !opened;
  id("unfold").disabled = opened === sheets.length - 1;
  center();
}
function center() {
  const card = document.querySelector(".card"),
    frame = card.getBoundingClientRect();
  const place = homeOf(drawings[opened], steps[now].gate ?? nodes[0]).getBoundingClientRect();
  card.scrollLeft += place.left + place.width / 2 - frame.left - frame.width / 2;
}
/* a press on a box opens it, one on its frame's name folds it: then that is where the keys are */
function press(sign) {
  const { open: to, fold: back, node, box } = sign.dataset;
  open(Number(to ?? back));
  keep();
  const sheet = sheets[opened];
  if (back !== undefined) id(`${drawings[opened].ids}-${box}`).focus();
  else ([...sheet.querySelectorAll(`[data-box="${node}"]`)].at(-1) ?? id("fold")).focus();
}
let now = 0,
  timer = 0,
  covered = false; // while numbers are asked for, nothing shows them

/* #x=3&step=5&open=9: numbers that were changed, the step, and which box is open, by its last gate */
let moved = () => "";
function address() {
  const open = opened ? `&open=${drawings[opened].opens}` : "",
    values = moved();
  return values || open ? `#${values && `${values}&`}step=${now}${open}` : `#${now}`;
}
const stepIn = (hash) => Number(hash.match(/(?:^#|.*[#&]step=)([-+.e\d]+)(?:&|$)/)?.[1]) || 0;
function openIn(hash) {
  const opens = hash.match(/&open=(\w+)/)?.[1];
  return Math.max(
    0,
    drawings.findIndex((drawing) => String(drawing.opens) === opens),
  );
}
function keep() {
  if (location.protocol !== "about:") history.replaceState(null, "", address());
}
function arrive() {
  if (sheets.length && !covered) open(openIn(location.hash));
  show(stepIn(location.hash), true);
}
function current(step) {
  items.forEach((item, index) => item.classList.toggle("current", index === step));
}
const words = () => {
  const n = gates.length;
  if (now === 0) return tell("the inputs");
  return now <= n ? tell("forward {k} / {n}", { k: now, n }) : tell("backward {k} / {n}", { k: now - n, n });
};
function show(step, isKept) {
  if (covered) return;
  now = Math.trunc(Math.max(0, Math.min(steps.length - 1, step)));
  const seen = new Set(),
    gone = new Set(),
    sums = new Map();
  steps.slice(0, now + 1).forEach((each) => {
    if (each.pass === "f") seen.add(each.gate);
    if (each.pass === "b") (gone.add(each.gate), each.sums?.forEach(([node, sum]) => sums.set(node, sum)));
  });
  const back = steps[now].pass === "b" || now === steps.length - 1;
  nodes.forEach((node, k) => {
    const isGate = gates.includes(node);
    text(node, "v").forEach((e) => e.classList.toggle("later", isGate && !seen.has(node)));
    text(node, "r").forEach((e) => {
      e.classList.toggle("later", !(sums.has(node) || (back && node === data.output)));
      const sum = node === data.output ? right[k][0] : (sums.get(node) ?? right[k][0]);
      if (e.textContent !== sum) e.textContent = sum;
    });
    const isFed = (steps[now].sums ?? []).some(([source]) => source === node);
    signs(node).forEach((sign) => sign.querySelector("path").classList.toggle("flow", isFed));
  });
  mark(steps[now].gate);
  pieces.forEach(({ element, isWire, ways }) => {
    const isNow = steps[now].pass === "b" && ways.some(([gate]) => gate === steps[now].gate);
    if (isWire) element.classList.toggle("flow", isNow);
    else
      element
        .querySelectorAll(`.${name}-r`)
        .forEach((e) => e.classList.toggle("later", !ways.every(([gate]) => gone.has(gate))));
  });
  center();
  current(now);
  slider.value = now;
  id("where").textContent = slider.ariaValueText = words();
  if (!isKept) keep();
}
function stop() {
  clearInterval(timer);
  timer = 0;
  play.textContent = "▶";
  play.ariaLabel = tell("play");
}
function start() {
  if (covered) return;
  if (timer) return stop();
  if (now === steps.length - 1) show(0);
  play.textContent = "⏸";
  play.ariaLabel = tell("pause");
  timer = setInterval(() => (now < steps.length - 1 ? show(now + 1) : stop()), 1100);
}
const keys = { ArrowRight: 1, ArrowLeft: -1, Home: -1e9, End: 1e9 };
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || ["INPUT", "SELECT"].includes(event.target.tagName))
    return;
  const isButton = event.target.closest("button, g[role=button]");
  if (event.key in keys) (stop(), show(now + keys[event.key]));
  else if (event.key === " " && !isButton) start();
  else if ((event.key === " " || event.key === "Enter") && event.target.closest("[data-open],[data-fold]"))
    press(event.target);
  else if ((event.key === " " || event.key === "Enter") && event.target.dataset.node)
    show(backAt(Number(event.target.dataset.node)));
  else return;
  event.preventDefault();
});
id("back").onclick = () => (stop(), show(now - 1));
id("next").onclick = () => (stop(), show(now + 1));
play.onclick = start;
slider.oninput = () => (stop(), show(Number(slider.value)));
for (const gate of gates)
  for (const shape of signs(gate)) {
    shape.role = "button";
    shape.tabIndex = 0;
    shape.dataset.node = gate;
    shape.onmouseenter = shape.onfocus = () => current(backAt(gate));
    shape.onmouseleave = shape.onblur = () => current(now);
    shape.onclick = () => (stop(), shape.dataset.open ? press(shape) : show(backAt(gate)));
  }
if (sheets.length) {
  document.querySelectorAll("[data-fold]").forEach((frame) => (frame.onclick = () => press(frame)));
  id("unfold").onclick = () => (open(sheets.length - 1), keep());
  id("fold").onclick = () => (open(0), keep());
}
/* whether a number that somebody typed is the answer, by the digits they gave: 0.73 is 0.7311 */
function numberTyped(text) {
  const fraction = text.match(/^([-+.\de]+)\s*\/\s*([-+.\de]+)$/i);
  return fraction ? Number(fraction[1]) / Number(fraction[2]) : Number(text);
}
function fits(typed, answer) {
  const text = typed.trim().replaceAll("−", "-"),
    given = numberTyped(text);
  const digits = (text.match(/^-?\d*\.?(\d*)(e-?\d+)?$/i) ?? [])[1];
  const unit = digits === undefined ? 0 : 10 ** -digits.length / 2;
  return text !== "" && Math.abs(given - answer) <= Math.max(1e-4 * Math.abs(answer), digits ? unit : 0);
}
document.querySelectorAll("input[data-answer]").forEach((blank) => {
  blank.oninput = () => {
    const isRight = fits(blank.value, Number(blank.dataset.answer));
    blank.className = blank.value.trim() === "" ? "" : isRight ? "right" : "wrong";
    blank.ariaInvalid = blank.className === "wrong";
  };
});
addEventListener("beforeprint", () => (stop(), show(steps.length - 1, true)));
addEventListener("hashchange", arrive);
slider.max = steps.length - 1;
document.body.classList.add("live");
arrive();
