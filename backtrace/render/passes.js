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
  const add = (source, downstream, mask) => {
    if (upstreams[source] === undefined) return ((upstreams[source] = downstream), (masks[source] = mask));
    upstreams[source] = m.add(upstreams[source], downstream);
    masks[source] = masks[source] && mask ? m.maximum(masks[source], mask) : undefined;
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
      const slope = slopes.local?.[way];
      if (upstream === undefined) return zeros(operands[k]);
      if (slope === undefined) {
        const back = slopes.back ? slopes.back[way] : functions[node.back[way]](upstream, value, ...operands);
        add(node.x[k], back, undefined);
        return back;
      }
      if (node.blocks && !m.truth(slope)) return zeros(operands[k]);
      let product = m.multiply(upstream, slope),
        mask = masks[index];
      if (node.blocks && m.isArray(slope))
        mask = mask ? m.multiply(mask, m.not_equal(slope, 0)) : m.not_equal(slope, 0);
      if (mask && !m.isFinite(product)) product = m.where(mask, product, 0);
      const own = m.shape(operands[k]);
      if (mask)
        mask = m.not_equal(m.summed_to(m.isArray(mask) ? m.spreadTo(mask, m.shape(product)) : mask, own), 0);
      product = m.summed_to(product, own);
      add(node.x[k], product, mask);
      return product;
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
/* the local gradients by the table's rules; at a kink by its convention */
function tableSlopes(node, operands, value) {
  const at = "at" in node ? functions[node.at](value, ...operands) : 0,
    stands = m.truth(at);
  if (!node.local) return { stands };
  const local = node.local.map((rule, way) => {
    let slope = functions[rule](value, ...operands);
    if (node.chooses && !m.isFinite(value)) slope = m.where(m.equal(value, value), slope, value);
    if (node.chooses && Number.isNaN(value)) return value;
    return stands ? m.where(at, functions[node.kink[way]](value, ...operands), slope) : slope;
  });
  return { local, stands };
}
/* those of a gate that the formula defines: backprop through its own gates */
function ownSlopes(node, operands, value, upstream) {
  const inner = graphs[node.own],
    values = forward(inner, inside(node, operands));
  const isOfArrays = [value, ...operands].some(m.isArray);
  const found = backward(inner, values, isOfArrays ? (upstream ?? 0) : 1);
  const free = node.names.filter((_, k) => node.from[k]);
  const back = free.map((name) =>
    name in inner.inputs ? found.upstreams[inner.inputs[name]] : zeros(operands[node.names.indexOf(name)]),
  );
  return { [isOfArrays ? "back" : "local"]: back, stands: found.kinks.length > 0 };
}
