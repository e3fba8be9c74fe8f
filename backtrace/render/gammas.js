/* The logarithm of the gamma function and its derivatives, as `backtrace.algebra.gammas` has them: all
   stand on the zeta function of Hurwitz, a sum of positive terms that loses nothing; near a zero of the
   function itself on the series around that zero; left of 0 on reflection. (Abramowitz and Stegun 6.1,
   6.3, 6.4 and 23.2; the zero of digamma in two parts is from Cody, Strecok and Thacher, 1973.) */
Object.assign(
  m,
  (() => {
    const bernoulli = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510];
    const far = 12; // from where on the series by Bernoulli's numbers has all digits
    const zero = 1.4616321449683622,
      zeroRest = 9.549995429965697e-17,
      around = 0.6,
      terms = 44;
    const between = 1.28; // where lgamma goes from the series around 1 to that around 2
    const rate = 0.42278433509846713; // 1 less Euler's constant: the slope of lgamma at 2
    const isWhole = (x) => x === Math.floor(x);
    const sign = (n) => (n % 2 ? -1 : 1);
    /* the sum of all, with what every addition rounds off added at the end (Neumaier 1974) */
    const summed = (values) => {
      let sum = 0,
        rest = 0;
      for (const value of values) {
        const next = sum + value;
        rest += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
        sum = next;
      }
      return Number.isFinite(sum) ? sum + rest : sum;
    };
    const polynomial = (factors, z) => factors.reduceRight((sum, factor) => sum * z + factor, 0);
    const nearestWhole = (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));
    /* x less the nearest whole number, of which sin(pi*x) and its like know only this */
    const turn = (x) => x - nearestWhole(x);
    /* of pi*x; near its zeros by the tangent, whose argument is then exact */
    const cotangent = (x) => {
      const off = turn(x);
      if (Math.abs(off) <= 0.25) return 1 / Math.tan(Math.PI * off);
      return (off < 0 ? -1 : 1) * Math.tan(Math.PI * (0.5 - Math.abs(off)));
    };
    /* ((nearest + step)/nearest)^-s, by the logarithm of what that is off from 1 or -1 */
    const power = (s, nearest, step) =>
      nearest * step >= 0
        ? Math.exp(-s * Math.log1p(step / nearest))
        : sign(s) * Math.exp(-s * Math.log1p(-(step + 2 * nearest) / nearest));
    /* the x + k nearest 0, and the sum of all (x + k)^-s times its (s - 1)-th power: the first terms,
       and the rest by Euler and Maclaurin */
    const fromTheNearest = (s, x) => {
      const steps = Math.max(0, nearestWhole(-x)),
        nearest = x + steps;
      const first = Math.max(0, Math.ceil(Math.max(far, 3 * s) - x)),
        end = x + first;
      const rest = power(s, nearest, first - steps);
      const all = m.range(first).map((k) => power(s, nearest, k - steps));
      all.push(rest * (end / (s - 1)), rest / 2);
      let factor = (rest * s) / end / 2;
      bernoulli.forEach((number, i) => {
        const k = 2 * i + 2;
        all.push(number * factor);
        factor *= ((s + k - 1) * (s + k)) / ((k + 1) * (k + 2)) / (end * end);
      });
      return [nearest, summed(all) / nearest];
    };
    const hurwitz = (s, x) => {
      const [nearest, total] = fromTheNearest(s, x);
      return total * Math.pow(nearest, 1 - s);
    };
    /* (zeta(k) - 1)/k with signs: lgamma(2 + z) has it before z^k */
    const aroundTwo = m.range(terms - 2).map((k) => (sign(k) * hurwitz(k + 2, 2)) / (k + 2));
    /* what digamma has before the powers of the distance from its zero */
    const aroundZero = m.range(terms - 1).map((k) => sign(k) * hurwitz(k + 2, zero));
    /* Stirling's series (Abramowitz and Stegun 6.1.40) */
    const farOut = (x) => {
      const inverse = x < 1e150 ? 1 / (x * x) : 0;
      const factors = bernoulli.map((number, k) => number / ((2 * k + 1) * (2 * k + 2)));
      const half = 0.5 * Math.log(2 * Math.PI) - 0.5;
      return summed([(x - 0.5) * (Math.log(x) - 1), half, polynomial(factors, inverse) / x]);
    };
    const lgamma = (x) => {
      if (!Number.isFinite(x)) return Number.isNaN(x) ? x : Infinity;
      if (x <= 0 && isWhole(x)) return Infinity;
      if (x > 0 && x <= 0.5) return lgamma(1 + x) - Math.log(x);
      if (x <= 0) {
        const sine = Math.abs(Math.sin(Math.PI * turn(x)));
        return sine > 1e-300 ? Math.log(Math.PI / sine) - lgamma(1 - x) : -Math.log(-x);
      }
      if (x < 2.5) {
        const z = x - (x < between ? 1 : 2),
          nearTwo = z * (rate + z * polynomial(aroundTwo, z));
        return x < between ? nearTwo - Math.log1p(z) : nearTwo;
      }
      if (x >= far) return farOut(x);
      let product = 1,
        down = x;
      while (down >= 2.5) product *= down -= 1;
      return Math.log(product) + lgamma(down);
    };
    const digamma = (x) => {
      if (!Number.isFinite(x)) return x === Infinity ? x : NaN;
      if (x <= 0) {
        if (isWhole(x)) return x === 0 ? -1 / x : NaN;
        const mirrored = 1 - x,
          rest = 1 - mirrored - x;
        return digamma(mirrored) + rest * polygamma(1, mirrored) - Math.PI * cotangent(x);
      }
      if (x >= far) {
        const inverse = x < 1e150 ? 1 / (x * x) : 0;
        const factors = [0, ...bernoulli.map((number, k) => -number / (2 * k + 2))];
        return summed([Math.log(x), -0.5 / x, polynomial(factors, inverse)]);
      }
      const all = [];
      let near = x;
      while (near >= zero + around) all.push(1 / (near -= 1)); // down, where what is added is positive
      if (near < zero - around) {
        all.push(-1 / near);
        near += 1;
      }
      const z = near - zero - zeroRest;
      return summed([...all, z * polynomial(aroundZero, z)]);
    };
    /* n!/x^n, a factor at a time */
    const factorialOver = (n, x) => m.range(n).reduce((product, k) => product * ((k + 1) / x), 1);
    /* n! times the sum of all (x + k)^-(n + 1), and a sign */
    const sum = (n, x) => {
      const [nearest, total] = fromTheNearest(n + 1, x);
      return sign(n + 1) * factorialOver(n, nearest) * total;
    };
    /* that of 1 - x, whose rounding counts n + 1 times */
    const mirroredSum = (n, x) => {
      const mirrored = 1 - x,
        rest = 1 - mirrored - x;
      return sum(n, mirrored) * (1 - ((n + 1) * rest) / mirrored);
    };
    /* the n-th derivative of pi*cot(pi*x) over n!, a polynomial in the cotangent c: each is the slope of
       the last by c, times -(1 + c^2) */
    const slopeOfCotangent = (n, x) => {
      let factors = [0, Math.PI];
      for (let order = 1; order <= n; order++) {
        const slopes = factors.map((factor, k) => k * factor).slice(1);
        factors = m
          .range(factors.length + 1)
          .map((k) => (-((slopes[k] ?? 0) + (slopes[k - 2] ?? 0)) * Math.PI) / order);
      }
      return polynomial(factors, cotangent(x));
    };
    const polygamma = (n, x) => {
      if (n === 0) return digamma(x);
      if (!Number.isFinite(x)) return x === Infinity ? (n % 2 ? 0 : -0) : NaN;
      if (x > 0) return sum(n, x);
      if (isWhole(x)) return n % 2 ? Infinity : NaN;
      const off = turn(x);
      if (n % 2 === 0 && (n + 1) * (0.5 - Math.abs(off)) < 0.3)
        return mirroredSum(n, x) - factorialOver(n, 1) * slopeOfCotangent(n, x);
      return sum(n, off) + sign(n + 1) * (mirroredSum(n, off) - mirroredSum(n, x));
    };
    return {
      lgamma: m.each(lgamma),
      digamma: m.each(digamma),
      trigamma: m.each((x) => polygamma(1, x)),
      polygamma: m.each(polygamma),
    };
  })(),
);
