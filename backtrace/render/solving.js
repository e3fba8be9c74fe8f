/* Linear algebra of square matrices, one or a batch of them, as `backtrace.algebra.solving` has it:
   Gauss with the largest pivot of each column, as LAPACK does (Golub and Van Loan, Matrix Computations,
   3.4). A matrix whose inverse has not one right digit has none: nan. */
Object.assign(
  m,
  (() => {
    const rounding = 2 ** -52,
      fewRows = 16;
    const total = (values) => values.reduce((sum, value) => sum + value, 0);
    const identity = (n) => m.range(n).map((i) => m.range(n).map((j) => +(i === j)));
    const turned = (rows) => rows[0].map((_, j) => rows.map((row) => row[j]));
    /* the matrices of a batch, each a list of its rows; and what is made of each put together */
    const matrices = (x) => {
      const [count, length] = x.s.slice(-2);
      return m
        .range(m.size(x.s.slice(0, -2)))
        .map((n) =>
          m.range(count).map((i) => x.d.slice((n * count + i) * length, (n * count + i + 1) * length)),
        );
    };
    const together = (s, found) => m.array(s, found.flat(2));
    const ofEach = (f) => (x) => together(x.s, matrices(x).map(f));
    const numberOfEach = (f) => (x) => m.array(x.s.slice(0, -2), matrices(x).map(f));
    /* the matrix as a triangle beside its columns, and the sign of the order in which its rows were
       taken; null where a whole column is 0 */
    const triangle = (matrix, columns) => {
      const rows = matrix.map((row, k) => [...row, ...(columns ? columns[k] : [])]);
      let sign = 1;
      for (let k = 0; k < rows.length; k++) {
        let best = k;
        for (let i = k + 1; i < rows.length; i++)
          if (Math.abs(rows[i][k]) > Math.abs(rows[best][k])) best = i;
        if (best !== k) [rows[k], rows[best], sign] = [rows[best], rows[k], -sign];
        if (rows[k][k] === 0) return null;
        for (let i = k + 1; i < rows.length; i++) {
          const factor = rows[i][k] / rows[k][k];
          for (let j = k + 1; j < rows[k].length; j++) rows[i][j] -= factor * rows[k][j];
        }
      }
      return { rows, sign, diagonal: rows.map((row, k) => row[k]) };
    };
    /* the x of matrix@x = columns */
    const eliminated = (matrix, columns) => {
      const found = columns.map((row) => row.map(() => NaN)),
        made = triangle(matrix, columns),
        n = matrix.length;
      if (!made) return found;
      for (let k = n - 1; k >= 0; k--)
        found[k] = made.rows[k].slice(n).map((value, c) => {
          const known = m.range(n - 1 - k).map((j) => made.rows[k][k + 1 + j] * found[k + 1 + j][c]);
          return (value - total(known)) / made.rows[k][k];
        });
      return found;
    };
    /* the sign of the determinant, and the logarithm of its size */
    const signAndSize = (matrix) => {
      const made = triangle(matrix);
      if (!made) return [0, -Infinity];
      const sign = made.diagonal.reduce((product, pivot) => product * Math.sign(pivot), made.sign);
      return [sign, total(made.diagonal.map((pivot) => Math.log(Math.abs(pivot))))];
    };
    const isKnown = (matrix) => matrix.flat().every(Number.isFinite);
    const det = (matrix) => {
      if (!isKnown(matrix)) return NaN;
      const made = triangle(matrix);
      if (!made) return 0;
      const product = made.diagonal.reduce((sum, pivot) => sum * pivot, made.sign);
      if (Math.abs(product) > 1e-280 && Number.isFinite(product)) return product;
      const [sign, size] = signAndSize(matrix); // one of the factors alone may be too large
      return sign * Math.exp(size);
    };
    /* the inverse, and how many times the rounding of an entry it can have been moved by: the largest
       entry on the diagonal of |inverse| |x|, which no scaling of a row or column changes */
    const inverseAndLoss = (matrix) => {
      const found = eliminated(matrix, identity(matrix.length));
      const moved = found.map((row, j) => total(row.map((value, i) => Math.abs(value * matrix[i][j]))));
      return [found, Math.max(...moved)];
    };
    const hasNone = ([found, lost]) => !(lost * found.length * rounding < 1);
    const isSingular = (matrix) => hasNone(inverseAndLoss(matrix));
    const inverse = (matrix) => {
      const made = inverseAndLoss(matrix);
      return hasNone(made) ? matrix.map((row) => row.map(() => NaN)) : made[0];
    };
    const logdet = (matrix) => {
      if (isSingular(matrix)) return isKnown(matrix) ? -Infinity : NaN;
      const [sign, size] = signAndSize(matrix);
      return sign > 0 ? size : NaN;
    };
    const without = (values, k) => values.filter((_, i) => i !== k);
    /* the slope of the determinant, also where there is no inverse: the minors */
    const minors = (matrix) =>
      matrix.map((row, i) =>
        row.map((_, j) => (-1) ** (i + j) * det(without(matrix, i).map((other) => without(other, j)))),
      );
    /* of many rows: P@x@Q = L@U with the largest pivot of all that is left, so that what is nearly 0
       stands last; the cofactors of a product are the products of theirs, and those of U need no inverse
       of its last pivot (Stewart, "On the adjugate matrix", 1998) */
    const manyMinors = (matrix) => {
      if (!isKnown(matrix)) return matrix.map((row) => row.map(() => NaN));
      const n = matrix.length,
        rows = matrix.map((row) => [...row]),
        [order, places] = [m.range(n), m.range(n)];
      let sign = 1;
      for (let k = 0; k < n - 1; k++) {
        let [p, q] = [k, k];
        for (let i = k; i < n; i++)
          for (let j = k; j < n; j++) if (Math.abs(rows[i][j]) > Math.abs(rows[p][q])) [p, q] = [i, j];
        if (rows[p][q] === 0) return matrix.map((row) => row.map(() => 0)); // two ranks are missing
        if (p !== k) sign = -sign;
        if (q !== k) sign = -sign;
        [rows[k], rows[p], order[k], order[p]] = [rows[p], rows[k], order[p], order[k]];
        for (const row of [...rows, places]) [row[k], row[q]] = [row[q], row[k]];
        for (let i = k + 1; i < n; i++) {
          rows[i][k] /= rows[k][k];
          for (let j = k + 1; j < n; j++) rows[i][j] -= rows[i][k] * rows[k][j];
        }
      }
      const lower = rows.map((row, i) => row.map((value, j) => (j < i ? value : +(i === j))));
      const upper = rows.map((row, i) => row.map((value, j) => (j < i ? 0 : value)));
      const last = upper[n - 1][n - 1];
      upper[n - 1][n - 1] = 1;
      const size = upper.reduce((product, row, k) => product * row[k], sign);
      /* U with a last pivot of 1: its inverse has in the last column what all other columns lack */
      const back = eliminated(upper, identity(n)).map((row) =>
        row.map((value, j) => size * (j < n - 1 ? last * value : value)),
      );
      const forward = eliminated(lower, identity(n));
      const found = matrix.map((row) => row.map(() => 0));
      order.forEach((i, a) =>
        places.forEach((j, b) => (found[i][j] = total(back[b].map((value, c) => value * forward[c][a])))),
      );
      return found;
    };
    const solve = (a, b) => {
      const columns = b.s.length === 1 ? { s: [...b.s, 1], d: b.d } : b;
      const batch = m.together(a.s.slice(0, -2), columns.s.slice(0, -2));
      const left = matrices(m.spreadTo(a, [...batch, ...a.s.slice(-2)])),
        right = matrices(m.spreadTo(columns, [...batch, ...columns.s.slice(-2)]));
      const found = left.map((matrix, k) =>
        isSingular(matrix) ? right[k].map((row) => row.map(() => NaN)) : eliminated(matrix, right[k]),
      );
      const s = [...batch, ...columns.s.slice(-2)];
      return together(b.s.length === 1 ? s.slice(0, -1) : s, found);
    };
    return {
      det: numberOfEach(det),
      logdet: numberOfEach(logdet),
      is_singular: numberOfEach((matrix) => +isSingular(matrix)),
      inv: ofEach(inverse),
      cofactors: ofEach((matrix) => (matrix.length > fewRows ? manyMinors(matrix) : minors(matrix))),
      solve,
    };
  })(),
);
