/* What puts entries in order, and what comes to them back in place, as `backtrace.algebra.arranged` has
   it: equal entries stay as they stood, and nan stands last. */
Object.assign(
  m,
  (() => {
    const compared = (a, b) => (a < b ? -1 : a > b ? 1 : Number.isNaN(a) - Number.isNaN(b));
    const orderOf = (row) => m.range(row.length).sort((i, j) => compared(row[i], row[j]));
    const inOrder = (row) => orderOf(row).map((place) => row[place]);
    /* the first and the last place of the group of equal entries that each place is in */
    const groups = (ordered) => {
      const first = ordered.map((_, k) => k),
        last = ordered.map((_, k) => k);
      for (let k = 1; k < ordered.length; k++) if (ordered[k] === ordered[k - 1]) first[k] = first[k - 1];
      for (let k = ordered.length - 2; k >= 0; k--) if (ordered[k] === ordered[k + 1]) last[k] = last[k + 1];
      return [first, last];
    };
    /* what tied entries get: the "mean" of what came to them, the "first" of it, the "last", "each" */
    const backInPlace = (ups, row, ties) => {
      const order = orderOf(row),
        [first, last] = groups(order.map((place) => row[place]));
      const found = [];
      order.forEach((place, k) => {
        const group = ups.slice(first[k], last[k] + 1);
        if (ties === "mean") found[place] = group.reduce((sum, u) => sum + u, 0) / group.length;
        else found[place] = ties === "each" ? ups[k] : ties === "first" ? group[0] : group.at(-1);
      });
      return found;
    };
    return {
      in_order: m.rowwise(inOrder),
      has_ties: m.rowwise((row) => {
        const [first, last] = groups(inOrder(row));
        return row.map((_, k) => +(first[k] !== last[k]));
      }),
      back_in_place: (u, x, axis, ties) => {
        const d = [];
        for (const places of m.rowsOf(x.s, axis)) {
          const [ups, row] = [u, x].map((value) => places.map((place) => value.d[place]));
          backInPlace(ups, row, ties).forEach((value, k) => (d[places[k]] = value));
        }
        return { s: x.s, d };
      },
    };
  })(),
);
