/* Attention, softmax(Q@K.T/sqrt(d))@V, of every matrix of a batch, as `backtrace.algebra.attention` has
   it (Vaswani et al., "Attention is all you need", 2017, section 3.2.1). */
Object.assign(
  m,
  (() => {
    const turned = (x) => {
      const axes = m.range(x.s.length);
      return m.transpose(x, [...axes.slice(0, -2), axes.at(-1), axes.at(-2)]);
    };
    const scaled = (x, Q) => m.divide(x, Math.sqrt(Q.s.at(-1)));
    /* how much of every row of V each output has: rows that add up to 1 */
    const weights = (Q, K, causal, ...mask) => {
      let scores = m.matmul(scaled(Q, Q), turned(K));
      if (causal) scores = m.where(m.tril(m.ones(scores.s.slice(-2))), scores, -Infinity);
      if (mask.length) scores = m.where(m.not_equal(mask[0], 0), scores, -Infinity);
      return m.softmax(scores, -1);
    };
    const placeOfLargest = (row) => {
      const none = row.findIndex(Number.isNaN);
      return none < 0 ? row.indexOf(Math.max(...row)) : none;
    };
    /* what comes back to Q@K.T: p*(r - sum(p*r))/sqrt(d) with r = u@V.T. From every row of r its entry at
       the largest p is taken off first: so no digits are lost where p is nearly 1 */
    const toScores = (u, Q, K, V, causal, ...mask) => {
      const p = weights(Q, K, causal, ...mask),
        r = m.matmul(scaled(u, Q), turned(V)),
        length = p.s.at(-1),
        d = [];
      for (let start = 0; start < p.d.length; start += length) {
        const row = p.d.slice(start, start + length),
          largest = r.d[start + placeOfLargest(row)];
        const rest = row.map((_, k) => r.d[start + k] - largest),
          mean = row.reduce((sum, weight, k) => sum + weight * rest[k], 0);
        row.forEach((weight, k) => d.push((rest[k] - mean) * weight));
      }
      return { s: p.s, d };
    };
    return {
      attended: (Q, K, V, causal, ...mask) => m.matmul(weights(Q, K, causal, ...mask), V),
      attention_weights: (f, ...given) => weights(...given),
      to_scores: (u, f, ...given) => toScores(u, ...given),
    };
  })(),
);
