/* Numbers and arrays of numbers, with the functions that the table's rules ask for: what
   `backtrace.algebra.javascript` writes calls these. An array is its shape `s` and its entries `d`,
   row by row; a number is a number. What is not finite is a value, as in NumPy. */
const m = (() => {
  const isArray = (x) => typeof x === "object";
  const size = (shape) => shape.reduce((n, length) => n * length, 1);
  const array = (s, d) => (s.length ? { s, d } : d[0]);
  const shape = (x) => (isArray(x) ? x.s : []);
  const entries = (x) => (isArray(x) ? x.d : [x]);
  const axisOf = (axis, count) => (axis < 0 ? axis + count : axis);
  const strides = (s) => s.map((_, k) => size(s.slice(k + 1)));
  const range = (n) => Array.from({ length: n }, (_, k) => k);
  const places = (s) => {
    const all = [];
    const at = s.map(() => 0);
    for (let count = size(s); count > 0; count--) {
      all.push([...at]);
      for (let k = s.length - 1; k >= 0 && ++at[k] === s[k]; k--) at[k] = 0;
    }
    return all;
  };
  const together = (...shapes) => {
    const longest = Math.max(...shapes.map((s) => s.length));
    return range(longest).map((k) => {
      const lengths = shapes.map((s) => s[k - longest + s.length] ?? 1);
      return lengths.find((n) => n !== 1) ?? 1;
    });
  };
  const spreadTo = (x, s) => {
    if (!s.length) return entries(x)[0];
    if (!isArray(x)) return { s, d: new Array(size(s)).fill(x) };
    if (x.s.length === s.length && x.s.every((n, k) => n === s[k])) return x;
    const own = strides(x.s),
      gap = s.length - x.s.length;
    const d = places(s).map(
      (at) => x.d[own.reduce((sum, step, k) => sum + (x.s[k] === 1 ? 0 : step * at[k + gap]), 0)],
    );
    return { s, d };
  };
  const each =
    (f) =>
    (...values) => {
      if (!values.some(isArray)) return f(...values);
      const s = together(...values.map(shape));
      const all = values.map((x) => spreadTo(x, s).d);
      return { s, d: all[0].map((_, k) => f(...all.map((d) => d[k]))) };
    };
  const chained = (f) => {
    const two = each(f);
    return (...values) => values.reduce((a, b) => two(a, b));
  };
  const axesOf = (axis, count) => {
    if (axis === null) return range(count);
    return (Array.isArray(axis) ? axis : [axis]).map((a) => axisOf(a, count));
  };
  /* where the entries along the axes stand, for each place of the others */
  const rowsOf = (s, axis) => {
    const axes = axesOf(axis ?? null, s.length),
      kept = range(s.length).filter((k) => !axes.includes(k));
    const own = strides(kept.map((k) => s[k])),
      rows = range(size(kept.map((k) => s[k]))).map(() => []);
    places(s).forEach((at, k) => rows[kept.reduce((sum, a, i) => sum + own[i] * at[a], 0)].push(k));
    return rows;
  };
  /* f of each such row, a number */
  const reduced = (f) => (x, axis) => {
    if (!isArray(x)) return f([x]);
    const axes = axesOf(axis, x.s.length);
    return array(
      x.s.filter((_, k) => !axes.includes(k)),
      rowsOf(x.s, axis).map((row) => f(row.map((k) => x.d[k]))),
    );
  };
  const total = (row) => row.reduce((sum, value) => sum + value, 0);
  const logSum = (row) => {
    const peak = row.some(Number.isNaN) ? NaN : Math.max(...row);
    if (!Number.isFinite(peak)) return peak;
    const first = row.indexOf(peak);
    return peak + Math.log1p(total(row.map((value, k) => (k === first ? 0 : Math.exp(value - peak)))));
  };
  const power = (a, b) => {
    if (b === 1) return a;
    if (b === 2) return a * a;
    if (a === 1 || b === 0) return 1;
    if (a === -1 && Math.abs(b) === Infinity) return 1;
    return Math.pow(a, b);
  };
  const mod = (a, b) => {
    if (b === 0 || !Number.isFinite(a) || Number.isNaN(b)) return NaN;
    const rest = a % b;
    return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest === 0 ? (b < 0 ? -0 : 0) : rest;
  };
  /* whole b in a: (a - rest)/b, one less where the signs differ, is a whole number but for rounding */
  const floorDivide = (a, b) => {
    if (b === 0 || !Number.isFinite(a)) return b === 0 ? a / b : NaN;
    const rest = a % b,
      whole = (a - rest) / b - (rest !== 0 && rest < 0 !== b < 0 ? 1 : 0),
      near = Math.floor(whole);
    if (whole === 0) return a / b < 0 ? -0 : 0;
    return whole - near > 0.5 ? near + 1 : near;
  };
  /* the series of positive terms; far out the continued fraction (Abramowitz and Stegun 7.1.6, 7.1.14) */
  const erfSeries = (x) => {
    let term = x,
      sum = x;
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum) && n < 200; n++)
      sum += term *= (2 * x * x) / (2 * n + 1);
    return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
  };
  const erfcFraction = (x) => {
    let below = 0;
    for (let n = Math.ceil(60 + 400 / (x * x)); n > 0; n--) below = n / 2 / (x + below);
    const head = Math.floor(x * 128 + 0.5) / 128,
      rest = x - head;
    return (Math.exp(-head * head) * Math.exp(-(2 * head + rest) * rest)) / (x + below) / Math.sqrt(Math.PI);
  };
  const erf = (x) =>
    Number.isNaN(x)
      ? NaN
      : Math.abs(x) < 2
        ? erfSeries(x)
        : Math.sign(x) * (1 - (Math.abs(x) > 28 ? 0 : erfcFraction(Math.abs(x))));
  const erfc = (x) => (Number.isNaN(x) ? NaN : x < 0.5 ? 1 - erf(x) : x > 28 ? 0 : erfcFraction(x));
  const summedTo = (u, s) => {
    let x = u;
    if (shape(x).length > s.length) x = reduced(total)(x, range(shape(x).length - s.length));
    const axes = range(s.length).filter((k) => s[k] === 1 && shape(x)[k] !== 1);
    if (axes.length) x = reduced(total)(x, axes);
    return isArray(x) || s.length ? array([...s], entries(x)) : x;
  };
  const one = (f) => each(f);
  return {
    array,
    shape,
    isArray,
    entries,
    spreadTo,
    size,
    range,
    places,
    together,
    each,
    rowsOf,
    strides,
    axesOf,
    axisOf,
    reduced,
    total,
    logSum,
    truth: (x) => entries(x).some((value) => value !== 0),
    isFinite: (x) => entries(x).every(Number.isFinite),
    add: each((a, b) => a + b),
    subtract: each((a, b) => a - b),
    multiply: each((a, b) => a * b),
    divide: each((a, b) => a / b),
    negative: one((a) => -a),
    square: one((a) => a * a),
    less: each((a, b) => +(a < b)),
    less_equal: each((a, b) => +(a <= b)),
    greater: each((a, b) => +(a > b)),
    greater_equal: each((a, b) => +(a >= b)),
    equal: each((a, b) => +(a == b)),
    not_equal: each((a, b) => +(a != b)),
    where: each((c, a, b) => (c !== 0 ? a : b)),
    ...Object.fromEntries(
      [
        "exp",
        "expm1",
        "log",
        "log1p",
        "log2",
        "log10",
        "sqrt",
        "cbrt",
        "abs",
        "sign",
        "floor",
        "ceil",
        "sin",
        "cos",
        "tan",
        "asin",
        "acos",
        "atan",
        "sinh",
        "cosh",
        "tanh",
      ].map((name) => [name, one(Math[name])]),
    ),
    atan2: each(Math.atan2),
    power: each(power),
    mod: each(mod),
    floor_divide: each(floorDivide),
    hypot: (...values) => chained(Math.hypot)(one(Math.abs)(values[0]), ...values.slice(1)),
    maximum: chained((a, b) => Math.max(a, b)),
    minimum: chained((a, b) => Math.min(a, b)),
    logsumexp: each((...row) => logSum(row)),
    erf: one(erf),
    erfc: one(erfc),
    summed_to: summedTo,
    sum: reduced(total),
  };
})();
