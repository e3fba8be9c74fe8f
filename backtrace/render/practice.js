/* Practice: the numbers of a pass are hidden and asked for, and each answer is judged at once. */
const MOST_ENTRIES = 12,
  TRIES = 2;
const marked = (text) => text; // the catalogues of other languages are to have it
const OUTCOMES = {
  "right at the second try": marked("{n} right at the second try."),
  "right after a hint": marked("{n} right after a hint."),
  "not found": marked("{n} not found."),
  skipped: marked("{n} skipped."),
};
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
  pass === "v"
    ? tell("the value of {name}", { name: data.names[node] })
    : tell("the gradient of {name}", { name: data.names[node] });
const says = ([pass, node]) =>
  pass === "v"
    ? computed(node)
    : tell("it goes into {what}", {
        what: consumersOf(node)
          .map(([gate]) => computed(gate))
          .join(tell(" and ")),
      });
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
/* as render/_program.py writes them: sentences and gates by turns, and beside them a point's numbers */
function slipsAt([pass, node]) {
  const told = sheet.slips[`${pass}${node}`] ?? [],
    numbers = sheet.points[quiz.point]?.numbers[`${pass}${node}`] ?? [];
  return numbers.map((slipped, k) => [told[2 * k], told[2 * k + 1], slipped]).filter((slip) => slip);
}
const slipOf = (ask, text) =>
  slipsAt(ask)
    .filter(([, , slipped]) => isRight(text, slipped))
    .map(([which, gate]) => tell("{slip} (at {name})", { slip: sheet.says[which], name: data.names[gate] }));
/* how a number comes about: in words, in names, in numbers */
function hintOf([pass, node], degree) {
  if (pass === "v") {
    const names = computed(node);
    if (degree === 1) return names;
    const operands = operandsOf(graph.nodes[node], state.values).map(cell).join(tell(" and "));
    const known = tell("{formula}, of {numbers}", { formula: names, numbers: operands });
    return degree === 2 ? known : (forwardNumbers(node) ?? known);
  }
  const ways = consumersOf(node);
  const times =
    ways.length === 2
      ? tell("It is used twice, and gradients add.")
      : tell("It is used {n} times, and gradients add.", { n: ways.length });
  const many = ways.length > 1 ? `${times} ` : "";
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
  if (state.locals[gate][way] === undefined) return tell("from #{gate}: {rule}", { gate, rule });
  const upstream = cell(state.upstreams[gate]);
  if (!rule) return tell("from #{gate}: upstream × local, the upstream is {upstream}", { gate, upstream });
  return tell("from #{gate}: upstream × local, the upstream is {upstream}, the local gradient {rule}", {
    gate,
    upstream,
    rule,
  });
}
function product(gate, way) {
  const local = state.locals[gate][way],
    upstream = cell(state.upstreams[gate]);
  return local === undefined
    ? tell("({rule}, with upstream = {upstream})", { rule: data.ways[gate][way], upstream })
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
    const [value, gradient] = ["v", "u"].map((pass) =>
      quiz.open.has(`${pass}${node}`) || (pass === "u" && quiz.kind === "v")
        ? "?"
        : ascii(valueOf(`${pass}${node}`)),
    );
    titles.get(node).forEach(([title, before, after]) => {
      title.textContent = titled(before, value, gradient, after);
    });
    signs(node).forEach((sign) => sign.querySelector("path").classList.remove("flow"));
  });
  mark(quiz.current === null ? null : quiz.asks[quiz.current][1]);
  branches((ways) =>
    quiz.kind === "v" ||
    quiz.open.has(`u${sourceOf(ways[0])}`) ||
    ways.some(([gate]) => quiz.open.has(`u${gate}`))
      ? "?"
      : wire(carried(ways)),
  );
  describe();
  pieces.forEach(({ element, isWire }) => {
    if (isWire) element.classList.remove("flow");
    else element.querySelectorAll("text").forEach((e) => e.classList.remove("later"));
  });
}
function ask(place) {
  quiz.current = place;
  quiz.tries = 0;
  quiz.hints = 0;
  const left = quiz.asks.filter((each) => quiz.open.has(each.join(""))).length;
  id("question").textContent = tell("{k} of {n}: what is {what}? ({says})", {
    k: quiz.asks.length - left + 1,
    n: quiz.asks.length,
    what: nameOf(quiz.asks[place]),
    says: says(quiz.asks[place]),
  });
  id("answer").value = "";
  cover();
  id("answer").focus();
}
function report(...lines) {
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
  if (!asks.length)
    return report(tell("There is nothing to ask here: no gate, or arrays of more than 12 entries."));
  quiz = {
    kind,
    asks,
    open: new Set(asks.map((each) => each.join(""))),
    results: new Map(),
    slips: [],
    point: isMoved() && !other?.given ? -1 : which,
  };
  covered = true;
  if (sheets.length) open(sheets.length - 1); // every gate is to be seen
  document.body.classList.add("practising");
  id("task").hidden = false;
  id("choosing").hidden = true;
  report();
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
/* where one gate is at a kink, what comes back by the slopes on its two sides */
function sidesAt([pass, node]) {
  const [kinked] = state.kinks,
    ways = consumersOf(node),
    own = graph.nodes[kinked];
  const ours = ways.filter(([gate]) => gate === kinked);
  if (pass !== "u" || state.kinks.length !== 1 || ours.length !== 1 || !own.local) return [];
  const operands = operandsOf(own, state.values),
    way = ours[0][1],
    place = own.from.flatMap((isNode, k) => (isNode ? [k] : []))[way];
  if ([...operands, state.values[kinked]].some(m.isArray)) return [];
  const rest = carried(ways) - state.downstreams[kinked][way];
  return [-1, 1].map((side) => {
    const moved = [...operands];
    moved[place] += side * 1e-7 * Math.max(1, Math.abs(moved[place]));
    const { local } = tableSlopes(own, moved, functions[own.f](...moved));
    return rest + state.upstreams[kinked] * local[way];
  });
}
function isBetween(typed, each) {
  const sides = sidesAt(each),
    given = numberTyped(typed.trim().replaceAll("−", "-"));
  if (!sides.length || !sides.every(Number.isFinite)) return false;
  const isIn = Math.min(...sides) <= given && given <= Math.max(...sides);
  return isIn || sides.some((side) => fits(typed, side));
}
function judge() {
  const each = quiz.asks[quiz.current],
    value = valueOf(each.join("")),
    typed = id("answer").value;
  if (typed.trim() === "?") return hint();
  if (!typed.trim()) return skip();
  if (!canBeRead(typed, value))
    return report(tell("{typed} is no number: 0.25, −3, 1/3 or 1e-4 are.", { typed: typed.trim() }));
  const shown = tell("{what} is {value}", { what: nameOf(each), value: cell(value) });
  if (isRight(typed, value)) {
    report(tell("Right: {shown}.", { shown }));
    return done(quiz.tries ? "right at the second try" : quiz.hints ? "right after a hint" : "right at once");
  }
  if (isBetween(typed, each)) {
    report(
      tell("right: here is a kink, and what lies between its slopes will do"),
      tell("The page goes on with another: {shown}.", { shown }),
    );
    return done(quiz.tries ? "right at the second try" : quiz.hints ? "right after a hint" : "right at once");
  }
  const slips = slipOf(each, typed);
  if (slips.length) quiz.slips.push(slips[0]);
  const named = slips.length
    ? tell("That is what comes of a slip: {slips}.", { slips: slips.slice(0, 2).join(tell("; or: ")) })
    : "";
  if (++quiz.tries < TRIES)
    return report(
      `${tell("{typed} is not {what}.", { typed: typed.trim(), what: nameOf(each) })} ${named}`,
      tell("Once more, or a hint?"),
    );
  report(
    `${tell("Not {typed}.", { typed: typed.trim() })} ${named}`,
    `${shown}: ${hintOf(each, 3)} = ${cell(value)}.`,
  );
  done("not found");
}
function hint() {
  quiz.hints = Math.min(quiz.hints + 1, 3);
  report(tell("Hint {k} of 3: {hint}", { k: quiz.hints, hint: hintOf(quiz.asks[quiz.current], quiz.hints) }));
  id("answer").value = "";
  id("answer").focus();
}
function skip() {
  const each = quiz.asks[quiz.current];
  const value = cell(valueOf(each.join("")));
  report(`${tell("{what} is {value}", { what: nameOf(each), value })}: ${hintOf(each, 3)}.`);
  done("skipped");
}
function end() {
  const counts = new Map(),
    results = [...quiz.results.values()];
  results.forEach((result) => counts.set(result, (counts.get(result) ?? 0) + 1));
  const missed = quiz.asks.filter(
    (each) => !["right at once", undefined].includes(quiz.results.get(each.join(""))),
  );
  const lines = [
    tell("{k} of {n} right at once.", { k: counts.get("right at once") ?? 0, n: quiz.asks.length }),
  ];
  [...counts]
    .filter(([result]) => result !== "right at once")
    .forEach(([result, count]) => lines.push(tell(OUTCOMES[result], { n: count })));
  if (quiz.slips.length) lines.push(tell("Slips: {slips}.", { slips: [...new Set(quiz.slips)].join("; ") }));
  if (missed.length)
    lines.push(tell("Look again at {what}.", { what: missed.slice(0, 4).map(nameOf).join(", ") }));
  const before = [...id("verdict").children].map((line) => line.textContent);
  quiz = null;
  covered = false;
  document.body.classList.remove("practising");
  id("task").hidden = true;
  id("choosing").hidden = false;
  draw();
  report(...before, ...lines);
  id("begin").focus();
}
id("begin").onclick = begin;
id("judge").onclick = judge;
id("hint").onclick = hint;
id("skip").onclick = skip;
id("leave").onclick = () => (report(), end());
id("answer").addEventListener("keydown", (event) => {
  if (event.key === "Enter") (judge(), event.preventDefault());
});
nodes.forEach((node) =>
  signs(node).forEach((sign) =>
    sign.addEventListener("click", () => {
      const place =
        quiz?.asks.findIndex(([pass, which]) => which === node && quiz.open.has(`${pass}${which}`)) ?? -1;
      if (place >= 0) ask(place);
    }),
  ),
);
