/* What the rules of arrays ask for, beside `algebra.js`: products of matrices, places, sums along axes. */
Object.assign(
  m,
  (() => {
    const { array, axisOf, each, entries, isArray, logSum, places, range, reduced, rowsOf, shape, size, spreadTo, strides, together, total } = m;
    const make = (s, f) =>
      array(
        s,
        places(s).map((at) => f(...at)),
      );
    const get = (x, at) => (isArray(x) ? x.d[strides(x.s).reduce((sum, step, k) => sum + step * at[k], 0)] : x);
    /* f of each such row, a row of the same length */
    const rowwise =
      (f) =>
      (x, axis, ...more) => {
        if (!isArray(x)) return f([x], ...more)[0];
        const d = new Array(x.d.length);
        for (const row of rowsOf(x.s, axis))
          f(
            row.map((k) => x.d[k]),
            ...more,
          ).forEach((value, i) => (d[row[i]] = value));
        return { s: x.s, d };
      };
    const most = (row) => Math.max(...row),
      least = (row) => Math.min(...row);
    const real = (f) => reduced((row) => (row.some(Number.isNaN) ? NaN : f(row)));
    const shifted = (row) => {
      const peak = row.some(Number.isNaN) ? NaN : most(row);
      return row.map((value) => value - peak);
    };
    const running = (f, start) => (row) => {
      let sum = start;
      return row.map((value) => (sum = f(sum, value)));
    };
    const backwards =
      (f) =>
      (row, ...more) =>
        f([...row].reverse(), ...more).reverse();
    const sums = running((a, b) => a + b, 0),
      products = running((a, b) => a * b, 1);
    const before = (f, start) => (row) => [start, ...f(row).slice(0, -1)];
    const indexed = (s, index) => {
      /* which axes of the result stand for which places of x: numbers are taken, slices kept */
      const gap = index.indexOf("...");
      const whole = s.length - index.filter((part) => part !== null && part !== "...").length;
      const filled =
        gap < 0
          ? [...index, ...range(whole).map(() => [null, null, null])]
          : [...index.slice(0, gap), ...range(whole).map(() => [null, null, null]), ...index.slice(gap + 1)];
      const lists = [],
        lengths = [];
      let axis = 0;
      for (const part of filled) {
        if (part === null) {
          lengths.push(1);
          lists.push(null);
          continue;
        }
        const n = s[axis++];
        if (!Array.isArray(part)) {
          lists.push([axisOf(part, n)]);
          lengths.push(0);
          continue;
        }
        const step = part[2] ?? 1,
          clip = (k, low, high) => Math.min(Math.max(k < 0 ? k + n : k, low), high);
        const start =
          part[0] === null ? (step > 0 ? 0 : n - 1) : clip(part[0], step > 0 ? 0 : -1, step > 0 ? n : n - 1);
        const stop =
          part[1] === null ? (step > 0 ? n : -1) : clip(part[1], step > 0 ? 0 : -1, step > 0 ? n : n - 1);
        const list = [];
        for (let k = start; step > 0 ? k < stop : k > stop; k += step) list.push(k);
        lists.push(list);
        lengths.push(list.length);
      }
      const kept = filled
        .map((part, k) => (part === null || Array.isArray(part) ? k : -1))
        .filter((k) => k >= 0);
      const result = kept.map((k) => lengths[k]);
      const from = places(result).map((at) =>
        lists.flatMap((list, k) =>
          list === null ? [] : [list.length === 1 && !kept.includes(k) ? list[0] : list[at[kept.indexOf(k)]]],
        ),
      );
      return [result, from];
    };
    const offset = (s, at) => strides(s).reduce((sum, step, k) => sum + step * at[k], 0);
    const matmul = (a, b) => {
      const left = a.s.length === 1 ? { s: [1, a.s[0]], d: a.d } : a;
      const right = b.s.length === 1 ? { s: [b.s[0], 1], d: b.d } : b;
      const batch = together(left.s.slice(0, -2), right.s.slice(0, -2));
      const [rows, inner] = left.s.slice(-2),
        columns = right.s.at(-1);
      const x = spreadTo(left, [...batch, rows, inner]).d,
        y = spreadTo(right, [...batch, inner, columns]).d;
      const d = [];
      for (let n = 0; n < size(batch); n++)
        for (let i = 0; i < rows; i++)
          for (let j = 0; j < columns; j++) {
            let sum = 0;
            for (let k = 0; k < inner; k++)
              sum += x[(n * rows + i) * inner + k] * y[(n * inner + k) * columns + j];
            d.push(sum);
          }
      const s = [...batch, ...(a.s.length === 1 ? [] : [rows]), ...(b.s.length === 1 ? [] : [columns])];
      return array(s, d);
    };
    const aligned = (u, axis) => {
      if (axis === null || (!isArray(u) && !Array.isArray(axis))) return u;
      const s = [...shape(u)],
        axes = Array.isArray(axis) ? axis : [axis];
      for (const a of axes.map((k) => axisOf(k, s.length + axes.length)).sort((p, q) => p - q))
        s.splice(a, 0, 1);
      return { s, d: entries(u) };
    };
    const wholeIndices = (i, n) =>
      entries(i).map((k) => (Number.isInteger(k) && k >= -n && k < n ? axisOf(k, n) : null));
    const found = (s, axis, indices) => {
      const common = together(...indices.map(shape));
      const lists = indices.map((i, k) => wholeIndices(spreadTo(i, common), s[axis + k]));
      return [common, lists.some((list) => list.includes(null)) ? null : lists];
    };
    const lookup = (s, axis, indices, visit) => {
      const [common, lists] = found(s, axis, indices);
      const result = [...s.slice(0, axis), ...common, ...s.slice(axis + indices.length)];
      if (!lists) return [result, false];
      const inner = strides(common);
      places(result).forEach((at, k) => {
        const which = inner.reduce((sum, step, j) => sum + step * at[axis + j], 0);
        visit(
          k,
          offset(s, [
            ...at.slice(0, axis),
            ...lists.map((list) => list[which]),
            ...at.slice(axis + common.length),
          ]),
        );
      });
      return [result, true];
    };
    const einsum = (subscripts, ...values) => {
      const [terms, result] = subscripts.split("->"),
        names = terms.split(",");
      const lengths = {};
      names.forEach((term, k) => [...term].forEach((letter, j) => (lengths[letter] = shape(values[k])[j])));
      const free = [...result],
        summed = Object.keys(lengths).filter((letter) => !result.includes(letter));
      const inner = places(summed.map((letter) => lengths[letter]));
      return make(
        free.map((letter) => lengths[letter]),
        (...at) => {
          const known = Object.fromEntries(free.map((letter, k) => [letter, at[k]]));
          return total(
            inner.map((place) => {
              summed.forEach((letter, k) => (known[letter] = place[k]));
              return values.reduce(
                (product, x, k) =>
                  product *
                  get(
                    x,
                    [...names[k]].map((letter) => known[letter]),
                  ),
                1,
              );
            }),
          );
        },
      );
    };
    const triangle =
      (holds) =>
      (x, k = 0) => {
        const n = x.s.length;
        return make(x.s, (...at) => (holds(at[n - 1] - at[n - 2], k) ? get(x, at) : 0));
      };
    const fill = (x, a) => {
      const s = together(shape(x), shape(a));
      return spreadTo(a, s);
    };
    const concatenate = (values, axis) => {
      const s = [...values[0].s],
        a = axisOf(axis, s.length),
        own = values.map((x) => x.s[a]);
      s[a] = total(own);
      return make(s, (...at) => {
        let k = 0,
          place = at[a];
        while (place >= own[k]) place -= own[k++];
        return get(
          values[k],
          at.map((p, j) => (j === a ? place : p)),
        );
      });
    };
    const transpose = (x, axes) => {
      const order = axes ?? range(x.s.length).reverse();
      return make(
        order.map((a) => x.s[axisOf(a, x.s.length)]),
        (...at) => {
          const from = [];
          order.forEach((a, k) => (from[axisOf(a, x.s.length)] = at[k]));
          return get(x, from);
        },
      );
    };
    return {
      offset,
      rowwise,
      matmul,
      transpose,
      concatenate,
      einsum,
      aligned,
      reshape: (x, s) => {
        const given = Array.isArray(s) ? s : [s],
          n = entries(x).length;
        return array(
          given.map((k) => (k < 0 ? n / -size(given) : k)),
          entries(x),
        );
      },
      stack: (values, axis) => {
        const s = together(...values.map(shape));
        return concatenate(
          values.map((x) => {
            const whole = [...s];
            whole.splice(axisOf(axis, s.length + 1), 0, 1);
            return { s: whole, d: entries(spreadTo(x, s)) };
          }),
          axis,
        );
      },
      outer: (x, y) =>
        make(
          [...shape(x), ...shape(y)],
          (...at) => get(x, at.slice(0, shape(x).length)) * get(y, at.slice(shape(x).length)),
        ),
      kron: (x, y) =>
        make(
          x.s.map((n, k) => n * y.s[k]),
          (...at) =>
            get(
              x,
              at.map((p, k) => Math.floor(p / y.s[k])),
            ) *
            get(
              y,
              at.map((p, k) => p % y.s[k]),
            ),
        ),
      pick: (x, index) => {
        const [s, from] = indexed(x.s, index);
        return array(
          s,
          from.map((at) => get(x, at)),
        );
      },
      put: (u, index, s) => {
        const d = new Array(size(s)).fill(0),
          [result, from] = indexed(s, index);
        const whole = entries(spreadTo(u, result));
        from.forEach((at, k) => (d[offset(s, at)] = whole[k]));
        return array(s, d);
      },
      product: reduced((row) => row.reduce((a, b) => a * b, 1)),
      largest: real(most),
      smallest: real(least),
      spread: (u, x, axis) =>
        spreadTo(axis === null ? u : aligned(u, Array.isArray(axis) ? axis : [axis]), shape(x)),
      filled: fill,
      full: spreadTo,
      ones: (s) => array(s, new Array(size(s)).fill(1)),
      identity: (s) => make(s, (i, j) => +(i === j)),
      softmax: rowwise((row) => {
        const powers = shifted(row).map(Math.exp),
          sum = total(powers);
        return powers.map((p) => p / sum);
      }),
      log_softmax: rowwise((row) => {
        const rest = shifted(row),
          sum = logSum(rest);
        return rest.map((value) => value - sum);
      }),
      logsumexp_along: reduced(logSum),
      sum_of_others: rowwise((row) => {
        const left = before(sums, 0)(row),
          right = backwards(before(sums, 0))(row);
        return row.map((_, k) => left[k] + right[k]);
      }),
      others: rowwise((row) => {
        const left = before(products, 1)(row),
          right = backwards(before(products, 1))(row);
        return row.map((_, k) => left[k] * right[k]);
      }),
      norm: real((row) => Math.hypot(...row)),
      one_hot: (k, count) => make([...shape(k), count], (...at) => +(get(k, at.slice(0, -1)) === at.at(-1))),
      looked_up: (x, axis, ...indices) => {
        const d = [];
        const [s, ok] = lookup(x.s, axis, indices, (k, from) => (d[k] = x.d[from]));
        return array(s, ok ? d : new Array(size(s)).fill(NaN));
      },
      added_up: (u, s, axis, ...indices) => {
        const d = new Array(size(s)).fill(0);
        const [, ok] = lookup(s, axis, indices, (k, to) => (d[to] += entries(u)[k]));
        return array(s, ok ? d : d.fill(NaN));
      },
      flip: rowwise((row) => [...row].reverse()),
      roll: (x, shift, axis) =>
        rowwise((row) => row.map((_, k) => row[(((k - shift) % row.length) + row.length) % row.length]))(
          x,
          axis,
        ),
      tril: triangle((off, k) => off <= k),
      triu: triangle((off, k) => off >= k),
      cumsum: rowwise(sums),
      cumprod: rowwise(products),
      cumsum_back: rowwise(backwards(sums)),
      cumprod_back: (u, x, axis) => {
        const d = new Array(x.d.length);
        rowsOf(x.s, axis).forEach((row) =>
          row.forEach((place, j) => {
            let sum = 0,
              product = row.slice(0, j).reduce((p, i) => p * x.d[i], 1);
            for (let i = j; i < row.length; i++) {
              if (i > j) product *= x.d[row[i]];
              sum += product * u.d[row[i]];
            }
            d[place] = sum;
          }),
        );
        return { s: x.s, d };
      },
      diagonal: (x, k = 0) =>
        array(
          [Math.max(0, Math.min(x.s[0] + Math.min(k, 0), x.s[1] - Math.max(k, 0)))],
          range(Math.max(0, Math.min(x.s[0] + Math.min(k, 0), x.s[1] - Math.max(k, 0)))).map((i) =>
            get(x, [i + Math.max(-k, 0), i + Math.max(k, 0)]),
          ),
        ),
      on_diagonal: (u, s, k) => make(s, (i, j) => (j - i === k ? entries(u)[Math.min(i, j)] : 0)),
    };
  })(),
);
