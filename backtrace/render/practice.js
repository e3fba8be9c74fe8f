/* Practice: the numbers of a pass are hidden and asked for, and each answer is judged at once. */
const MOST_ENTRIES = 12,
  TRIES = 2;
let quiz = null;
const consumersOf = (node) =>
  gates.flatMap((gate) =>
    graph.nodes[gate].x
      .filter((_, k) => graph.nodes[gate].from[k])
      .flatMap((source, way) => (source === node ? [[gate, way]] : [])),
  );
function needed() {
  const found = new Set([graph.output]);
  for (let k = graph.nodes.length - 1; k >= 0; k--)
    if (found.has(k)) graph.nodes[k].x?.forEach((source, i) => graph.nodes[k].from[i] && found.add(source));
  return found;
}
/* values as they are evaluated, then gradients, each when all that flows into the node is known */
function asksOf(kind) {
  const isNeeded = needed(),
    order = gates.filter((gate) => isNeeded.has(gate)),
    asks = [];
  if (kind.includes("v")) asks.push(...order.map((node) => ["v", node]));
  if (kind.includes("u")) {
    const waiting = nodes.map((node) => consumersOf(node).filter(([gate]) => isNeeded.has(gate)).length);
    [...order].reverse().forEach((gate) =>
      graph.nodes[gate].x.forEach((source, k) => {
        if (!graph.nodes[gate].from[k] || --waiting[source] || source === graph.output) return;
        const isAsked =
          !graph.nodes[source].compares && !sheet.skip.includes(source) && !("value" in graph.nodes[source]);
        if (isAsked) asks.push(["u", source]);
      }),
    );
  }
  return asks.filter(([pass, node]) => m.entries(valueOf(`${pass}${node}`)).length <= MOST_ENTRIES);
}
const nameOf = ([pass, node]) =>
  pass === "v" ? `the value of ${data.names[node]}` : `the gradient of ${data.names[node]}`;
const says = ([pass, node]) =>
  pass === "v"
    ? `${data.names[node]} = ${data.computes[node]}`
    : `it goes into ${consumersOf(node)
        .map(([gate]) => `${data.names[gate]} = ${data.computes[gate]}`)
        .join(" and ")}`;
const typedNumbers = (text) =>
  text
    .replace(/[[\]]/g, " ")
    .split(/[\s,;]+/)
    .filter(Boolean);
function isRight(text, value) {
  const typed = m.isArray(value) ? typedNumbers(text) : [text],
    entries = m.entries(value);
  return (
    typed.length === entries.length &&
    entries.every((entry, k) => fits(typed[k], entry) || typed[k].trim() === plain(entry))
  );
}
const canBeRead = (text, value) =>
  (m.isArray(value) ? typedNumbers(text) : [text]).every((piece) =>
    /^\s*[-−+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?(\s*\/\s*[-−+]?(\d+\.?\d*|\.\d+))?\s*$|^\s*(nan|-?inf)\s*$/i.test(
      piece,
    ),
  );
const slipsAt = ([pass, node]) => sheet.points[quiz.point]?.slips[`${pass}${node}`] ?? [];
const slipOf = (ask, text) =>
  slipsAt(ask)
    .filter(([, , slipped]) => isRight(text, slipped))
    .map(([which, gate]) => `${sheet.says[which]} (at ${data.names[gate]})`);
/* how a number comes about: in words, in names, in numbers */
function hintOf([pass, node], degree) {
  if (pass === "v") {
    const names = `${data.names[node]} = ${data.computes[node]}`;
    if (degree === 1) return names;
    const operands = operandsOf(graph.nodes[node], state.values).map(cell).join(" and ");
    return degree === 2 ? `${names}, of ${operands}` : (forwardNumbers(node) ?? `${names}, of ${operands}`);
  }
  const ways = consumersOf(node),
    many =
      ways.length > 1
        ? `It is used ${ways.length === 2 ? "twice" : `${ways.length} times`}, and gradients add. `
        : "";
  if (degree === 1) return many + [...new Set(ways.map(([gate]) => ruleIn(gate)))].join(" ");
  return (
    many +
    ways
      .map(([gate, way]) => (degree === 2 ? ruleOf(gate, way) : product(gate, way)))
      .join(degree === 2 ? "; " : " + ")
  );
}
const ruleIn = (gate) => `${data.domains[gate].split(";")[0]}: ${data.says[data.rules[gate]]}`;
function ruleOf(gate, way) {
  const rule = data.ways[gate][way];
  if (state.locals[gate][way] === undefined) return `from #${gate}: ${rule}`;
  return `from #${gate}: upstream × local, the upstream is ${cell(state.upstreams[gate])}${rule ? `, the local gradient ${rule}` : ""}`;
}
function product(gate, way) {
  const local = state.locals[gate][way],
    upstream = cell(state.upstreams[gate]);
  return local === undefined
    ? `(${data.ways[gate][way]}, with upstream = ${upstream})`
    : `${upstream} × ${cell(local)}`;
}
/* what the forward step of a gate says, before its result */
function forwardNumbers(node) {
  const step = items[gates.indexOf(node) + 1]?.querySelector("p"),
    number = step?.querySelector(`[data-w="v${node}"]`);
  const text = step?.textContent.replace(/^\S+\s/, "");
  return number && text.includes(" = ") ? text.slice(0, text.lastIndexOf(" = ")) : undefined;
}
/* the picture with what is not known yet as ? */
function cover() {
  nodes.forEach((node) => {
    ["v", "u"].forEach((pass) => {
      const isHidden =
        quiz.open.has(`${pass}${node}`) || (pass === "u" && quiz.kind === "v" && node !== graph.output);
      const shown = isHidden ? "?" : wire(valueOf(`${pass}${node}`));
      text(node, pass === "v" ? "v" : "r").forEach(
        (e) => ((e.textContent = shown), e.classList.remove("later")),
      );
    });
    const [title, before, after] = titles.get(node);
    const [value, gradient] = ["v", "u"].map((pass) =>
      quiz.open.has(`${pass}${node}`) || (pass === "u" && quiz.kind === "v")
        ? "?"
        : cell(valueOf(`${pass}${node}`)),
    );
    title.textContent = `${before} = ${value}, gradient ${gradient}${after}`;
    (state.downstreams[node] ?? []).forEach((value, way) => {
      const branch = id(`${name}-t${node}-${way}`)?.querySelector("text");
      const source = graph.nodes[node].x.filter((_, k) => graph.nodes[node].from[k])[way];
      if (branch)
        ((branch.textContent =
          quiz.kind === "v" || quiz.open.has(`u${source}`) || quiz.open.has(`u${node}`) ? "?" : wire(value)),
          branch.classList.remove("later"));
    });
    sign(node).classList.toggle("on", quiz.current !== null && quiz.asks[quiz.current][1] === node);
    sign(node).querySelector("path").classList.remove("flow");
  });
  id(`${name}-d`).textContent = nodes
    .slice(0, 40)
    .map((node) => titles.get(node)[0].textContent)
    .join("; ");
  all(`[id^="${name}-w"]`).forEach((path) => path.classList.remove("flow"));
}
function ask(place) {
  quiz.current = place;
  quiz.tries = 0;
  quiz.hints = 0;
  const left = quiz.asks.filter((each) => quiz.open.has(each.join(""))).length;
  id("question").textContent =
    `${quiz.asks.length - left + 1} of ${quiz.asks.length}: what is ${nameOf(quiz.asks[place])}? (${says(quiz.asks[place])})`;
  id("answer").value = "";
  cover();
  id("answer").focus();
}
function tell(...lines) {
  id("verdict").replaceChildren(
    ...lines.filter(Boolean).map((line) => Object.assign(document.createElement("p"), { textContent: line })),
  );
}
function begin() {
  const which = Number(id("numbers").value),
    other = sheet.points[which];
  if (other?.given)
    Object.assign(
      point,
      Object.fromEntries(Object.entries(other.given).map(([key, value]) => [key, copied(value)])),
    );
  showFields();
  compute();
  draw();
  const kind = id("kind").value,
    asks = asksOf(kind);
  if (!asks.length) return tell("There is nothing to ask here: no gate, or arrays of more than 12 entries.");
  quiz = {
    kind,
    asks,
    open: new Set(asks.map((each) => each.join(""))),
    results: new Map(),
    slips: [],
    point: isMoved() && !other?.given ? -1 : which,
  };
  covered = true;
  document.body.classList.add("practising");
  id("task").hidden = false;
  id("choosing").hidden = true;
  tell();
  ask(0);
}
const isMoved = () => inputs.some((key) => !same(point[key], given[key]));
function done(result) {
  const ask_ = quiz.asks[quiz.current].join("");
  quiz.results.set(ask_, result);
  quiz.open.delete(ask_);
  const next = quiz.asks.findIndex((each) => quiz.open.has(each.join("")));
  if (next < 0) return end();
  ask(next);
}
function judge() {
  const each = quiz.asks[quiz.current],
    value = valueOf(each.join("")),
    typed = id("answer").value;
  if (typed.trim() === "?") return hint();
  if (!typed.trim()) return skip();
  if (!canBeRead(typed, value)) return tell(`${typed.trim()} is no number: 0.25, −3, 1/3 or 1e-4 are.`);
  const shown = `${nameOf(each)} is ${cell(value)}`;
  if (isRight(typed, value)) {
    tell(`Right: ${shown}.`);
    return done(quiz.tries ? "right at the second try" : quiz.hints ? "right after a hint" : "right at once");
  }
  const slips = slipOf(each, typed);
  if (slips.length) quiz.slips.push(slips[0]);
  const named = slips.length ? `That is what comes of a slip: ${slips.slice(0, 2).join("; or: ")}.` : "";
  if (++quiz.tries < TRIES)
    return tell(`${typed.trim()} is not ${nameOf(each)}. ${named}`, "Once more, or a hint?");
  tell(`Not ${typed.trim()}. ${named}`, `${shown}: ${hintOf(each, 3)} = ${cell(value)}.`);
  done("not found");
}
function hint() {
  quiz.hints = Math.min(quiz.hints + 1, 3);
  tell(`Hint ${quiz.hints} of 3: ${hintOf(quiz.asks[quiz.current], quiz.hints)}`);
  id("answer").value = "";
  id("answer").focus();
}
function skip() {
  const each = quiz.asks[quiz.current];
  tell(`${nameOf(each)} is ${cell(valueOf(each.join("")))}: ${hintOf(each, 3)}.`);
  done("skipped");
}
function end() {
  const counts = new Map(),
    results = [...quiz.results.values()];
  results.forEach((result) => counts.set(result, (counts.get(result) ?? 0) + 1));
  const missed = quiz.asks.filter(
    (each) => !["right at once", undefined].includes(quiz.results.get(each.join(""))),
  );
  const lines = [`${counts.get("right at once") ?? 0} of ${quiz.asks.length} right at once.`];
  [...counts]
    .filter(([result]) => result !== "right at once")
    .forEach(([result, count]) => lines.push(`${count} ${result}.`));
  if (quiz.slips.length) lines.push(`Slips: ${[...new Set(quiz.slips)].join("; ")}.`);
  if (missed.length) lines.push(`Look again at ${missed.slice(0, 4).map(nameOf).join(", ")}.`);
  const before = [...id("verdict").children].map((line) => line.textContent);
  quiz = null;
  covered = false;
  document.body.classList.remove("practising");
  id("task").hidden = true;
  id("choosing").hidden = false;
  draw();
  tell(...before, ...lines);
  id("begin").focus();
}
id("begin").onclick = begin;
id("judge").onclick = judge;
id("hint").onclick = hint;
id("skip").onclick = skip;
id("leave").onclick = () => (tell(), end());
id("answer").onkeydown = (event) => event.key === "Enter" && (judge(), event.preventDefault());
nodes.forEach((node) =>
  sign(node).addEventListener("click", () => {
    const place =
      quiz?.asks.findIndex(([pass, which]) => which === node && quiz.open.has(`${pass}${which}`)) ?? -1;
    if (place >= 0) ask(place);
  }),
);
