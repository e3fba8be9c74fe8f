/* Both passes over a graph, as `backtrace.graph.backprop` and `backprop_arrays` walk it. A node is
   an input, a value, a gate by its functions, or a gate that is a graph of its own. */
const operandsOf = (node, values) => node.x.map((operand, k) => (node.from[k] ? values[operand] : operand));
const inside = (node, operands) => Object.fromEntries(node.names.map((name, k) => [name, operands[k]]));
/* every node's value; `changed` are nodes that have another value than their gate gives */
function forward(graph, point, changed = {}) {
  const values = [],
    names = Object.fromEntries(Object.entries(graph.inputs).map(([name, k]) => [k, name]));
  graph.nodes.forEach((node, k) => {
    if (k in changed) values.push(changed[k]);
    else if (k in names) values.push(point[names[k]]);
    else if ("value" in node) values.push(node.value);
    else if ("own" in node) {
      const inner = graphs[node.own];
      values.push(forward(inner, inside(node, operandsOf(node, values)))[inner.output]);
    } else values.push(functions[node.f](...operandsOf(node, values)));
  });
  return values;
}
/* whether a condition decides about a gradient: a where() behind it is reached */
function decides(graph, index, upstreams) {
  const seen = new Set([index]);
  for (let k = index + 1; k < graph.nodes.length; k++) {
    const node = graph.nodes[k];
    if (node.x && node.x.some((operand, i) => node.from[i] && seen.has(operand))) {
      if (upstreams[k] !== undefined) return true;
      seen.add(k);
    }
  }
  return false;
}
const zeros = (like) => m.multiply(0, m.where(m.equal(like, like), 1, 1));
/* upstreams by node, local and downstream gradients by gate and operand, the gates at a kink */
function backward(graph, values, start) {
  const upstreams = [],
    masks = [],
    locals = [],
    downstreams = [],
    kinks = [];
  const output = values[graph.output];
  upstreams[graph.output] = m.isArray(output) ? m.spreadTo(start, m.shape(output)) : start;
  /* a mask says which entries something has reached; undefined: all of them; a function: ask it when
     you need it */
  const add = (source, downstream, mask) => {
    if (upstreams[source] === undefined) return ((upstreams[source] = downstream), (masks[source] = mask));
    const before = masks[source];
    upstreams[source] = m.add(upstreams[source], downstream);
    masks[source] =
      before === undefined || mask === undefined ? undefined : m.maximum(formed(before), formed(mask));
  };
  for (let index = graph.nodes.length - 1; index >= 0; index--) {
    const node = graph.nodes[index];
    if (!node.x) continue;
    const operands = operandsOf(node, values),
      value = values[index],
      upstream = upstreams[index];
    const ways = node.from.map((isNode, k) => (isNode ? k : -1)).filter((k) => k >= 0);
    const slopes =
      "own" in node ? ownSlopes(node, operands, value, upstream) : tableSlopes(node, operands, value);
    const carried = ways.map((k, way) => {
      const found =
        upstream === undefined
          ? undefined
          : slopes.local
            ? multiplied(node, upstream, masks[index], slopes.local[way], operands[k])
            : handedOn(node, slopes.back[way], upstream, masks[index], value);
      if (found) add(node.x[k], ...found);
      return found ? found[0] : zeros(operands[k]);
    });
    const stands =
      slopes.stands && (upstream !== undefined || (node.compares && decides(graph, index, upstreams)));
    if (stands) kinks.push(index);
    locals[index] = slopes.local ?? ways.map(() => undefined);
    downstreams[index] = carried;
  }
  values.forEach((value, k) => (upstreams[k] ??= zeros(value)));
  return { upstreams, locals, downstreams, kinks: kinks.reverse() };
}
const formed = (mask) => (typeof mask === "function" ? mask() : mask);
const once = (f) => {
  let found;
  return () => (found ??= f());
};
/* upstream x local, and where it has arrived; undefined: nowhere, where a gate that blocks does */
function multiplied(node, upstream, mask, slope, operand) {
  if (node.blocks && !m.truth(slope)) return undefined;
  let product = m.multiply(upstream, slope);
  if (node.blocks && m.isArray(slope)) {
    const passes = m.not_equal(slope, 0);
    mask = mask === undefined ? passes : m.multiply(formed(mask), passes);
  }
  if (mask !== undefined && !m.isFinite(product)) product = m.where(formed(mask), product, 0);
  const [whole, own] = [m.shape(product), m.shape(operand)];
  if (whole.length === own.length && whole.every((n, k) => n === own[k])) return [product, mask];
  const repeated = mask; // where any of the operand's copies was reached
  const reduced = () => m.not_equal(m.summed_to(m.spreadTo(formed(repeated), whole), own), 0);
  return [m.summed_to(product, own), mask === undefined ? undefined : once(reduced)];
}
/* what a pullback gives, and where it has arrived: if the gate only hands entries on, where it hands
   ones to */
function handedOn(node, back, upstream, mask, value) {
  const carried = back(upstream);
  if (!node.moves || (mask === undefined && !node.blocks)) return [carried, undefined];
  const ones = mask === undefined ? m.where(m.equal(value, value), 1, 1) : formed(mask);
  const where = once(() => m.not_equal(back(ones), 0));
  return [m.isFinite(carried) ? carried : m.where(where(), carried, 0), where];
}
/* the local gradients by the table's rules; at a kink by its convention */
function tableSlopes(node, operands, value) {
  const at = "at" in node ? functions[node.at](value, ...operands) : 0,
    stands = m.truth(at);
  if (!node.local)
    return { back: node.back.map((rule) => (u) => functions[rule](u, value, ...operands)), stands };
  const local = node.local.map((rule, way) => {
    let slope = functions[rule](value, ...operands);
    if (stands) slope = m.where(at, functions[node.kink[way]](value, ...operands), slope);
    if (node.chooses && !m.isFinite(value)) slope = m.where(m.equal(value, value), slope, value);
    return slope;
  });
  return { local, stands };
}
/* those of a gate that the formula defines: backprop through its own gates */
function ownSlopes(node, operands, value, upstream) {
  const inner = graphs[node.own],
    values = forward(inner, inside(node, operands));
  const found = backward(inner, values, node.pulls ? (upstream ?? 0) : 1);
  const free = node.names.filter((_, k) => node.from[k]);
  const slopes = free.map((name) =>
    name in inner.inputs ? found.upstreams[inner.inputs[name]] : zeros(operands[node.names.indexOf(name)]),
  );
  const stands = found.kinks.length > 0;
  return node.pulls ? { back: slopes.map((slope) => () => slope), stands } : { local: slopes, stands };
}
