/* Windows that slide over arrays, as `backtrace.algebra.windows` has them: convolutions (the sums of
   products that define them) and pooling. Sizes, strides and padding are one for each of the last axes. */
Object.assign(
  m,
  (() => {
    /* how many windows there are along each axis, and of each which entries it sees, place by place;
       -1 is outside */
    const slid = (lengths, sizes, strides, padding) => {
      const counts = lengths.map((n, a) => Math.floor((n + 2 * padding[a] - sizes[a]) / strides[a]) + 1);
      const inside = m.places(sizes);
      const windows = m.places(counts).map((window) =>
        inside.map((place) => {
          const at = place.map((k, a) => window[a] * strides[a] + k - padding[a]);
          return at.every((k, a) => k >= 0 && k < lengths[a]) ? m.offset(lengths, at) : -1;
        }),
      );
      return [counts, windows];
    };
    /* every product of a convolution: its place in the output, in the kernels, in x (-1: outside) */
    const products = (shape, kernels, strides, padding, visit) => {
      const axes = strides.length,
        [count, channels] = kernels;
      const [counts, windows] = slid(shape.slice(-axes), kernels.slice(2), strides, padding);
      const length = m.size(shape.slice(-axes)),
        size = m.size(kernels.slice(2)),
        images = m.size(shape.slice(0, -axes - 1));
      for (let n = 0; n < images; n++)
        for (let f = 0; f < count; f++)
          windows.forEach((window, o) => {
            for (let c = 0; c < channels; c++)
              window.forEach((place, k) =>
                visit(
                  (n * count + f) * windows.length + o,
                  (f * channels + c) * size + k,
                  place < 0 ? -1 : (n * channels + c) * length + place,
                ),
              );
          });
      return [...shape.slice(0, -axes - 1), count, ...counts];
    };
    const zeros = (s) => new Array(m.size(s)).fill(0);
    const convolved = (x, w, strides, padding) => {
      const d = [];
      const s = products(x.s, w.s, strides, padding, (to, k, from) => {
        d[to] = (d[to] ?? 0) + (from < 0 ? 0 : x.d[from]) * w.d[k];
      });
      return m.array(s, d);
    };
    const toConvolved = (u, w, shape, strides, padding) => {
      const d = zeros(shape);
      products(shape, w.s, strides, padding, (from, k, to) => {
        if (to >= 0) d[to] += u.d[from] * w.d[k];
      });
      return m.array(shape, d);
    };
    const toKernels = (u, x, shape, strides, padding) => {
      const d = zeros(shape);
      products(x.s, shape, strides, padding, (from, to, k) => {
        d[to] += u.d[from] * (k < 0 ? 0 : x.d[k]);
      });
      return m.array(shape, d);
    };
    /* every window of a pooling: its place in the output, and those of its entries */
    const pooled = (shape, sizes, strides, padding, visit) => {
      const axes = sizes.length,
        [counts, windows] = slid(shape.slice(-axes), sizes, strides, padding);
      const length = m.size(shape.slice(-axes)),
        d = [];
      for (let n = 0; n < m.size(shape.slice(0, -axes)); n++)
        for (const window of windows)
          d.push(
            visit(
              window.map((place) => (place < 0 ? -1 : n * length + place)),
              d.length,
            ),
          );
      return m.array([...shape.slice(0, -axes), ...counts], d);
    };
    const windowSum = (x, ...told) =>
      pooled(x.s, ...told, (window) => window.reduce((sum, k) => sum + (k < 0 ? 0 : x.d[k]), 0));
    const toWindowSum = (u, shape, ...told) => {
      const d = zeros(shape);
      pooled(shape, ...told, (window, from) =>
        window.forEach((to) => to >= 0 && (d[to] += m.entries(u)[from])),
      );
      return m.array(shape, d);
    };
    /* nothing that stands around x is ever the largest */
    const around = (x, k) => (k < 0 ? -Infinity : x.d[k]);
    const hits = (x, window, largest) => window.map((k) => +(around(x, k) === largest));
    const ties = (x, window, largest) => hits(x, window, largest).reduce((a, b) => a + b);
    const windowMax = (x, ...told) =>
      pooled(x.s, ...told, (window) => Math.max(...window.map((k) => around(x, k))));
    const windowTies = (f, x, ...told) =>
      pooled(x.s, ...told, (window, k) => ties(x, window, m.entries(f)[k]));
    /* u at the largest entry of its window; tied ones "share" it, or the "first" gets it, "all" do or
       "none" does */
    const toWindowMax = (u, f, x, sizes, strides, padding, how = "share") => {
      const d = zeros(x.s);
      pooled(x.s, sizes, strides, padding, (window, k) => {
        const largest = m.entries(f)[k],
          count = ties(x, window, largest);
        let share = m.entries(u)[k],
          taken = 0;
        if (how === "share") share /= count;
        if (how === "none") share *= +(count === 1);
        hits(x, window, largest).forEach((hit, i) => {
          if (window[i] >= 0) d[window[i]] += share * (how === "first" ? hit * (1 - taken) : hit);
          taken = Math.max(taken, hit);
        });
      });
      return m.array(x.s, d);
    };
    return {
      convolved,
      to_convolved: toConvolved,
      to_kernels: toKernels,
      window_sum: windowSum,
      to_window_sum: toWindowSum,
      window_max: windowMax,
      window_ties: windowTies,
      to_window_max: toWindowMax,
    };
  })(),
);
