const id = (name) => document.getElementById(name);
const data = JSON.parse(id("data").textContent);
const { name, steps, gates } = data;
const nodes = Array.from({ length: data.count }, (_, k) => k);
/* a sentence in the page's language, with the values put in */
const say = (text, values = {}) =>
  (data.sentences?.[text] ?? text).replace(/\{(\w+)\}/g, (_, key) => values[key]);
const items = [...document.querySelectorAll(".steps li")];
const slider = id("at"),
  play = id("play");
const sign = (node) => id(`${name}-${node}`);
const text = (node, kind) => sign(node).querySelectorAll(`.${name}-${kind}`);
const right = nodes.map((node) => [...text(node, "r")].map((e) => e.textContent));
let now = 0,
  timer = 0,
  covered = false; // while numbers are asked for, nothing shows them

let address = () => `#${now}`;
const stepIn = (hash) => Number(hash.match(/(?:^#|[#&]step=)([-+.e\d]+)$/)?.[1]) || 0;
function current(step) {
  items.forEach((item, index) => item.classList.toggle("current", index === step));
}
const words = () => {
  const n = gates.length;
  if (now === 0) return say("the inputs");
  return now <= n ? say("forward {k} / {n}", { k: now, n }) : say("backward {k} / {n}", { k: now - n, n });
};
function show(step, keep) {
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
    sign(node).classList.toggle("on", node === steps[now].gate);
    const isFed = (steps[now].sums ?? []).some(([source]) => source === node);
    sign(node).querySelector("path").classList.toggle("flow", isFed);
  });
  document.querySelectorAll(`[id^="${name}-w"], [id^="${name}-t"]`).forEach((piece) => {
    const gate = parseInt(piece.id.slice(name.length + 2));
    if (piece.tagName === "path")
      piece.classList.toggle("flow", steps[now].pass === "b" && gate === steps[now].gate);
    else piece.querySelectorAll(`.${name}-r`).forEach((e) => e.classList.toggle("later", !gone.has(gate)));
  });
  const card = document.querySelector(".card"),
    frame = card.getBoundingClientRect();
  const place = sign(steps[now].gate ?? nodes[0]).getBoundingClientRect();
  card.scrollLeft += place.left + place.width / 2 - frame.left - frame.width / 2;
  current(now);
  slider.value = now;
  id("where").textContent = slider.ariaValueText = words();
  if (!keep && location.protocol !== "about:") history.replaceState(null, "", address());
}
function stop() {
  clearInterval(timer);
  timer = 0;
  play.textContent = "▶";
  play.ariaLabel = say("play");
}
function start() {
  if (covered) return;
  if (timer) return stop();
  if (now === steps.length - 1) show(0);
  play.textContent = "⏸";
  play.ariaLabel = say("pause");
  timer = setInterval(() => (now < steps.length - 1 ? show(now + 1) : stop()), 1100);
}
const keys = { ArrowRight: 1, ArrowLeft: -1, Home: -1e9, End: 1e9 };
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || ["INPUT", "SELECT"].includes(event.target.tagName))
    return;
  const isButton = event.target.closest("button, g[role=button]");
  if (event.key in keys) (stop(), show(now + keys[event.key]));
  else if (event.key === " " && !isButton) start();
  else if ((event.key === " " || event.key === "Enter") && event.target.dataset.node)
    show(data.back[event.target.dataset.node]);
  else return;
  event.preventDefault();
});
id("back").onclick = () => (stop(), show(now - 1));
id("next").onclick = () => (stop(), show(now + 1));
play.onclick = start;
slider.oninput = () => (stop(), show(Number(slider.value)));
for (const gate of gates) {
  const shape = sign(gate);
  shape.onmouseenter = shape.onfocus = () => current(data.back[gate]);
  shape.onmouseleave = shape.onblur = () => current(now);
  shape.onclick = () => (stop(), show(data.back[gate]));
}
/* whether a number that somebody typed is the answer, by the digits they gave: 0.73 is 0.7311 */
function fits(typed, answer) {
  const text = typed.trim().replaceAll("−", "-"),
    fraction = text.match(/^([-+.\de]+)\s*\/\s*([-+.\de]+)$/i);
  const digits = (text.match(/^-?\d*\.?(\d*)(e-?\d+)?$/i) ?? [])[1];
  const given = fraction ? Number(fraction[1]) / Number(fraction[2]) : Number(text);
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
addEventListener("hashchange", () => show(stepIn(location.hash), true));
slider.max = steps.length - 1;
document.body.classList.add("live");
show(stepIn(location.hash), true);
