/* The page computed anew as its numbers are changed: fields, address, remarks, what if. */
const graph = graphs[0],
  copied = (x) => (m.isArray(x) ? { s: x.s, d: [...x.d] } : x);
const point = Object.fromEntries(Object.entries(given).map(([key, value]) => [key, copied(value)]));
const inputs = Object.keys(point),
  all = (selector) => [...document.querySelectorAll(selector)];
let state = {};
/* as backtrace.numbers writes them: whole numbers whole, else some significant digits, a half to even */
function rounded(x) {
  const [mantissa, power] = Math.abs(x).toExponential(60).split("e"),
    exact = mantissa.replace(".", "");
  let kept = BigInt(exact.slice(0, data.digits)),
    exponent = Number(power);
  const rest = exact.slice(data.digits),
    half = "5".padEnd(rest.length, "0");
  if (rest > half || (rest === half && kept % 2n)) kept += 1n;
  if (String(kept).length > data.digits) ((kept /= 10n), (exponent += 1));
  return [x < 0 ? "-" : "", String(kept), exponent];
}
function number(x) {
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x > 0 ? "inf" : "-inf";
  if (Number.isInteger(x) && Math.abs(x) < 1e15) return String(x + 0);
  const [sign, kept, exponent] = rounded(x),
    bare = kept.replace(/0+$/, "");
  if (exponent < -4 || exponent >= data.digits)
    return `${sign}${bare[0]}${bare.length > 1 ? `.${bare.slice(1)}` : ""}e${exponent}`;
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${bare}`;
  const whole = kept.slice(0, exponent + 1),
    after = kept.slice(exponent + 1).replace(/0+$/, "");
  return `${sign}${whole}${after ? `.${after}` : ""}`;
}
function nested(s, d, write) {
  if (!s.length) return write(d[0]);
  const size = d.length / s[0];
  return `[${Array.from({ length: s[0] }, (_, k) => nested(s.slice(1), d.slice(k * size, (k + 1) * size), write)).join(", ")}]`;
}
function cell(x) {
  if (!m.isArray(x)) return number(x).replaceAll("-", "−");
  if (x.d.length <= 6) return nested(x.s, x.d, number).replaceAll("-", "−");
  const row = x.s.at(-1),
    entries = x.d.slice(0, Math.min(row, 3)).map(number);
  if (row > 3) entries.push("…");
  return `${"[".repeat(x.s.length)}${entries.join(", ")}${"], …".repeat(x.s.length - 1)}]`.replaceAll(
    "-",
    "−",
  );
}
function wire(x) {
  const shown = cell(x);
  return shown.length > 26 && m.isArray(x)
    ? `norm ${number(Math.hypot(...x.d))}`.replaceAll("-", "−")
    : shown;
}
/* what a key stands for: v3, u3, l3.0, d3.0, t3.0.1 */
function valueOf(key) {
  const [gate, way, term] = key.slice(1).split(".").map(Number);
  if (key[0] === "v") return state.values[gate];
  if (key[0] === "u") return state.upstreams[gate];
  if (key[0] === "l") return state.locals[gate][way];
  if (key[0] === "d") return state.downstreams[gate][way];
  const node = graph.nodes[gate],
    place = node.terms[way].filter((_, k) => k <= term).at(-1);
  return functions[place](state.values[gate], ...operandsOf(node, state.values));
}
const boundTo = all("[data-n],[data-w]"),
  titles = new Map();
function compute() {
  const values = forward(graph, point);
  state = { values, ...backward(graph, values, seed) };
}
function sumsAnew() {
  const arrived = new Map();
  steps
    .filter((step) => step.pass === "b")
    .forEach((step) => {
      const sources = graph.nodes[step.gate].x.filter((_, k) => graph.nodes[step.gate].from[k]);
      sources.forEach((source, way) => {
        const downstream = state.downstreams[step.gate][way];
        arrived.set(source, arrived.has(source) ? m.add(arrived.get(source), downstream) : downstream);
      });
      step.sums = [...new Set(sources)].map((source) => [source, wire(arrived.get(source))]);
    });
}
/* what comes back along a wire of a drawing: of several in the trace their sum, the last gate first */
const carried = (ways) =>
  ways
    .map(([gate, way]) => state.downstreams[gate][way])
    .reduceRight((total, value) => (total === undefined ? value : m.add(total, value)), undefined);
function branches(words) {
  pieces.forEach(({ element, isWire, ways }) => {
    const number_ = isWire ? null : element.querySelector("text");
    if (number_) number_.textContent = words(ways);
  });
}
function describe() {
  drawings.forEach(({ ids, home }) => {
    const shown = nodes.filter((node) => !(node in (home ?? {}))).slice(0, 40);
    id(`${ids}-d`).textContent = shown
      .map((node) => id(`${ids}-${node}`).querySelector("title").textContent)
      .join("; ");
  });
}
const sourceOf = ([gate, way]) => graph.nodes[gate].x.filter((_, k) => graph.nodes[gate].from[k])[way];
function draw() {
  boundTo.forEach((element) => {
    const value = valueOf(element.dataset.n ?? element.dataset.w);
    let shown = "w" in element.dataset ? wire(value) : cell(value);
    if ("brackets" in element.dataset && shown.startsWith("−")) shown = `(${shown})`;
    if (element.textContent !== shown) element.textContent = shown;
    if ("gradient" in element.dataset) element.dataset.value = whole(value);
  });
  const output = document.querySelector("[data-output]");
  output.dataset.value = whole(state.values[graph.output]);
  nodes.forEach((node) => {
    right[node] = [wire(state.upstreams[node])];
    text(node, "v").forEach((element) => (element.textContent = wire(state.values[node])));
    titles.get(node).forEach(([title, before, after]) => {
      title.textContent = titled(before, ascii(state.values[node]), ascii(state.upstreams[node]), after);
    });
  });
  branches((ways) => wire(carried(ways)));
  describe();
  sumsAnew();
  remark();
  whatIf();
  show(now);
}
const ascii = (x) => cell(x).replaceAll("−", "-");
const titled = (what, value, gradient, after) =>
  tell("{what} = {value}, gradient {gradient}", { what, value, gradient }) + after;
const plain = (x) => (Number.isNaN(x) ? "nan" : Number.isFinite(x) ? String(x) : x > 0 ? "inf" : "-inf");
const whole = (x) => (m.isArray(x) ? nested(x.s, x.d, plain) : plain(x));
const same = (a, b) => m.entries(a).every((value, k) => Object.is(value, m.entries(b)[k]));
function remark() {
  const isMoved = inputs.some((key) => !same(point[key], given[key])),
    lines = [];
  const atKink = new Set(state.kinks);
  all("[data-kink]").forEach((e) => (e.hidden = !atKink.has(Number(e.dataset.kink))));
  all("[data-smooth]").forEach((e) => (e.hidden = atKink.has(Number(e.dataset.smooth))));
  state.kinks.forEach((gate) => {
    const name = data.domains[gate].split(";")[0];
    if (gate in data.kinks) lines.push(tell(data.at_kinks[data.kinks[gate]], { name }));
  });
  const bad = gates.find((gate) => !m.isFinite(state.values[gate]));
  const isLost = (gate) => state.downstreams[gate].some((value) => !m.isFinite(value));
  const lost = bad === undefined ? [...gates].reverse().find(isLost) : undefined;
  if (bad !== undefined) {
    const value = cell(state.values[bad]);
    lines.push(
      tell("The first value that is not finite: {value}, of {gate}.", { value, gate: data.domains[bad] }),
    );
  }
  if (lost !== undefined)
    lines.push(tell("The first gradient that is not finite: of {gate}.", { gate: data.domains[lost] }));
  if (isMoved)
    lines.push(
      tell(
        "What SymPy and the measured slope said is of the numbers that this page was made with; Reset shows it.",
      ),
    );
  document.body.classList.toggle("moved", isMoved);
  id("reset").disabled = !isMoved;
  id("told").textContent = `${data.names[graph.output]} = ${cell(state.values[graph.output])}`;
  id("remarks").replaceChildren(
    ...lines.map((line) => Object.assign(document.createElement("p"), { textContent: line })),
  );
}
/* #3 = x + y */
const computed = (node) => `${data.names[node]} = ${data.computes[node]}`;
function whatIf() {
  const node = Number(id("which").value),
    by = id("by").valueAsNumber,
    then = id("then");
  if (!Number.isFinite(by)) return (then.textContent = tell("By how much? A number, please."));
  const total = (x) => m.sum(m.multiply(seed, x), null),
    before = total(state.values[graph.output]);
  const after = total(forward(graph, point, { [node]: m.add(state.values[node], by) })[graph.output]);
  const gradient = m.sum(state.upstreams[node], null),
    isArray = m.isArray(state.values[node]);
  const what = m.isArray(state.values[graph.output])
    ? tell("the sum of the output")
    : data.names[graph.output];
  then.textContent = tell(
    "To first order {what} grows by gradient × change = {gradient} × {change} = {product}; truly by {truly}, from {before} to {after}.",
    {
      what,
      gradient: cell(gradient),
      change: cell(by),
      product: cell(gradient * by),
      truly: cell(after - before),
      before: cell(before),
      after: cell(after),
    },
  );
  if (isArray) then.textContent += ` ${tell("(Every entry grows; the gradients of all are added.)")}`;
}
/* fields and sliders */
const fieldsOf = (key) => all("[data-input]").filter((field) => field.dataset.input === key);
const sliderOf = (key) => all("[data-slider]").find((slider) => slider.dataset.slider === key);
const entryOf = (field) => ("entry" in field.dataset ? Number(field.dataset.entry) : null);
const at = (key, entry) => (entry === null ? point[key] : point[key].d[entry]);
function put(key, entry, value) {
  if (entry === null) point[key] = value;
  else point[key].d[entry] = value;
}
function showFields(except) {
  all("[data-input]").forEach((field) => {
    const value = at(field.dataset.input, entryOf(field));
    if (field === except) return;
    field.value = Number.isFinite(value) ? value : "";
    field.ariaInvalid = null;
  });
  all("[data-slider]").forEach((slider) => slider !== except && slide(slider));
}
function slide(slider) {
  const value = at(
    slider.dataset.slider,
    entryOf(slider) ?? (m.isArray(point[slider.dataset.slider]) ? 0 : null),
  );
  if (!Number.isFinite(value)) return;
  if (value < Number(slider.min)) slider.min = 2 * value;
  if (value > Number(slider.max)) slider.max = 2 * value;
  slider.value = value;
}
/* as render/_live.py makes that of an array */
function sliderFor(field) {
  const value = point[field.dataset.input],
    reach = Number.isFinite(value) ? Math.min(Math.max(3, 2 * Math.abs(value)), 1e300) : 3;
  const slider = Object.assign(document.createElement("input"), { type: "range", step: "any" });
  Object.assign(slider, { min: -reach, max: reach, value });
  slider.dataset.slider = field.dataset.input;
  slider.ariaLabel = tell("slider of {name}", { name: field.labels[0].textContent.trim() });
  field.closest(".field").append(slider);
}
let waiting = 0;
function later() {
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(() => {
    if (now === 0) now = steps.length - 1; // who changes a number wants to see what it does
    compute();
    draw();
  });
}
all("[data-input]").forEach((field) => {
  field.autocomplete = "off";
  if (entryOf(field) === null) sliderFor(field);
  field.oninput = () => {
    field.ariaInvalid = Number.isNaN(field.valueAsNumber) ? "true" : null;
    if (field.ariaInvalid) return;
    put(field.dataset.input, entryOf(field), field.valueAsNumber);
    const slider = sliderOf(field.dataset.input);
    if (slider) slide(slider);
    later();
  };
  field.onfocus = () => {
    const slider = sliderOf(field.dataset.input);
    if (!slider || entryOf(field) === null) return;
    slider.dataset.entry = field.dataset.entry;
    slider.ariaLabel = tell("slider of {name}", { name: field.labels[0].textContent.trim() });
    slide(slider);
  };
});
all("[data-slider]").forEach((slider) => {
  slider.oninput = () => {
    const key = slider.dataset.slider,
      entry = m.isArray(point[key]) ? (entryOf(slider) ?? 0) : null;
    put(key, entry, Number(Number(slider.value).toPrecision(3)));
    showFields(slider);
    later();
  };
});
const MOST_CHOICES = 300;
const isComputed = (node) => node in data.rules;
nodes
  .filter((node) => isComputed(node) || Object.values(graph.inputs).includes(node))
  .slice(0, MOST_CHOICES)
  .forEach((node) => id("which").add(new Option(isComputed(node) ? computed(node) : data.names[node], node)));
id("which").onchange = id("by").oninput = whatIf;
id("reset").onclick = () => {
  inputs.forEach((key) => (point[key] = copied(given[key])));
  showFields();
  compute();
  draw();
};
/* a press on a wire asks what if of what it carries */
function choose(node) {
  if (![...id("which").options].some((option) => Number(option.value) === node)) return;
  id("which").value = node;
  whatIf();
}
pieces.forEach(({ element, isWire, ways }) => {
  if (!isWire) return;
  const wide = element.cloneNode();
  wide.removeAttribute("id");
  wide.setAttribute("class", "press");
  wide.onclick = () => choose(sourceOf(ways[0]));
  element.after(wide);
});
nodes.forEach((node) => signs(node).forEach((sign) => sign.addEventListener("click", () => choose(node))));
/* in the address: x=3,W=[[1,2],[3,4]] */
moved = () => {
  const written = (x) => (m.isArray(x) ? nested(x.s, x.d, String).replaceAll(" ", "") : String(x));
  return inputs
    .filter((key) => !same(point[key], given[key]))
    .map((key) => `${encodeURIComponent(key)}=${written(point[key])}`)
    .join(",");
};
const numberIn = (part) =>
  /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(part)
    ? Number(part)
    : ({ inf: Infinity, "-inf": -Infinity }[part] ?? NaN);
function fromAddress() {
  inputs.forEach((key) => (point[key] = copied(given[key])));
  const [part, ...rest] = location.hash.slice(1).split("&");
  const isStep = part.startsWith("step=") && !rest.some((piece) => piece.startsWith("step="));
  let open = 0,
    begin = 0;
  const pieces = [];
  [...(isStep ? "" : part), ","].forEach((letter, k) => {
    open += (letter === "[") - (letter === "]");
    if (letter === "," && open <= 0) (pieces.push(part.slice(begin, k)), (begin = k + 1));
  });
  pieces.filter(Boolean).forEach((piece) => {
    let known, value;
    try {
      [known, value] = piece.split("=").map(decodeURIComponent);
    } catch {
      return; // no text at all: %zz
    }
    if (!inputs.includes(known) || value === undefined) return;
    const entries = value
      .replace(/[[\]\s]/g, "")
      .split(",")
      .map(numberIn);
    if (entries.length !== m.entries(given[known]).length || entries.some(Number.isNaN)) return;
    point[known] = m.isArray(given[known]) ? { s: given[known].s, d: entries } : entries[0];
  });
  showFields();
  compute();
  draw();
  show(stepIn(location.hash), true);
}
compute();
nodes.forEach((node) => {
  const parts = signs(node).map((sign) => {
    const title = sign.querySelector("title"),
      whole = title.textContent,
      equals = whole.lastIndexOf(" = ");
    const rest = whole.slice(equals + 3 + ascii(state.values[node]).length),
      gradient = ascii(state.upstreams[node]);
    return [title, whole.slice(0, equals), rest.slice(rest.indexOf(gradient) + gradient.length)];
  });
  titles.set(node, parts);
});
addEventListener("hashchange", fromAddress);
fromAddress();
