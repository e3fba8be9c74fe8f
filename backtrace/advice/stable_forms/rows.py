"""What is written, and what to write instead: one row for each spelling that goes bad in floats.

The letters stand for anything; [k] for any index, `axis` for any axis. The two are the same
function wherever both have a value; where the first has none, the second is its limit, or, in a row
that `chooses`, what the field writes there. Of several that help the first is told.
"""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """`chooses`: it has a value where the function has none, nor a limit, and may be moved a little
    elsewhere (by an epsilon)."""

    written: str
    instead: str
    chooses: bool = False


_SOFTMAX = (
    Row("log(softmax(z, axis))", "log_softmax(z, axis)"),
    Row("log(softmax(z, axis)[k])", "log_softmax(z, axis)[k]"),
    Row("log(exp(z[k])/sum(exp(z)))", "log_softmax(z)[k]"),
    Row("log(exp(z)[k]/sum(exp(z)))", "log_softmax(z)[k]"),
    Row("exp(z[k])/sum(exp(z))", "softmax(z)[k]"),
    Row("exp(z)/sum(exp(z))", "softmax(z)"),
    Row("exp(a)/(exp(a) + exp(b))", "sigmoid(a - b)"),
    Row("exp(a)/(exp(b) + exp(a))", "sigmoid(a - b)"),
    Row("log(exp(a)/(exp(a) + exp(b) + exp(c)))", "a - logsumexp(a, b, c)"),
    Row("log(exp(a)/(exp(b) + exp(a) + exp(c)))", "a - logsumexp(a, b, c)"),
    Row("log(exp(a)/(exp(b) + exp(c) + exp(a)))", "a - logsumexp(a, b, c)"),
    Row("log(sum(exp(x), axis))", "logsumexp(x, axis)"),
    Row("log(exp(a) + exp(b))", "logsumexp(a, b)"),
    Row("log(mean(exp(x)))", "max(x) + log(mean(exp(x - max(x))))"),
)

_SIGMOID = (
    Row("log(sigmoid(x))", "-softplus(-x)"),
    Row("log(1 - sigmoid(x))", "-softplus(x)"),
    Row("log(1 + exp(x))", "softplus(x)"),
    Row("1 - sigmoid(x)", "sigmoid(-x)"),
    Row("1/(1 - tanh(x)^2)", "cosh(x)^2"),
    Row("1 - tanh(x)^2", "1/cosh(x)^2"),
    Row("2/(1 + exp(-2*x)) - 1", "tanh(x)"),
    Row("(exp(x) - exp(-x))/2", "sinh(x)"),
    Row("log(cosh(x))", "softplus(2*x) - x - log(2)"),
    Row("log(exp(x) - 1)", "x + log(1 - exp(-x))"),
    Row("log(1 - exp(x))", "x/2 + log(-2*sinh(x/2))"),
)

_OVERFLOWING = (
    Row("exp(a)/exp(b)", "exp(a - b)"),
    Row("exp(a)*exp(b)", "exp(a + b)"),
    Row("exp(a)*exp(-b)", "exp(a - b)"),
    Row("x^a*exp(b)", "exp(a*log(x) + b)"),
    Row("x^a/exp(b)", "exp(a*log(x) - b)"),
    Row("log(exp(a))", "a"),
    Row("log(exp(a)*b)", "a + log(b)"),
    Row("log(exp(a)/b)", "a - log(b)"),
    Row("log(a*b)", "log(a) + log(b)"),
    Row("log(a/b)", "log(a) - log(b)"),
    Row("log(a^b)", "b*log(a)"),
    Row("log(prod(x, axis))", "sum(log(x), axis)"),
    Row("(a^b)/(c^b)", "(a/c)^b"),
    Row("a*b/c", "a*(b/c)"),
    Row("a/(b*c)", "a/b/c"),
    Row("sqrt(a*b)", "sqrt(a)*sqrt(b)"),
    Row("sqrt(x^2 + y^2)", "hypot(x, y)"),
    Row("sqrt(sum(x^2))", "norm(x)"),
)

_WITHOUT_A_VALUE = (
    Row("x*log(x)", "where(x > 0, x*log(x), 0)"),
    Row("x*log(x/a)", "where(x == 0, 0, x*log(where(x == 0, 1, x/a)))"),
    Row("y*log(x)", "where(y == 0, 0, y*log(where(y == 0, 1, x)))"),
    Row("x^x", "where(x > 0, x^x, 1)"),
    Row("sqrt(x^2)", "abs(x)"),
    Row("(x^2)^0.5", "abs(x)"),
    Row("sqrt(x)*sqrt(x)", "x"),
    Row("sqrt(x)^2", "x"),
    Row("x^2/x", "x"),
    Row("x/x", "1 + 0*x"),
    Row("(x^2 - a^2)/(x - a)", "x + a"),
    Row("(x^2 - 1)/(x - 1)", "x + 1"),
    Row("sin(x)/x", "where(x == 0, 1, sin(x)/where(x == 0, 1, x))"),
    Row("sin(x)/x", "sinc(x/pi)"),
    Row("tanh(x)/x", "where(x == 0, 1, tanh(x)/where(x == 0, 1, x))"),
    Row("(1 - cos(x))/x", "x*square(where(x == 0, 1, sin(x/2)/where(x == 0, 1, x/2)))/2"),
    Row("(1 - cos(x))/x^2", "square(where(x == 0, 1, sin(x/2)/where(x == 0, 1, x/2)))/2"),
    Row("(exp(x) - 1)/x", "exp(x/2)*where(x == 0, 1, sinh(x/2)/where(x == 0, 1, x/2))"),
    Row("x/(exp(x) - 1)", "exp(-x/2)*where(x == 0, 1, x/2/where(x == 0, 1, sinh(x/2)))"),
    Row("where(a > 0, log(a), b)", "where(a > 0, log(where(a > 0, a, 1)), b)"),
    Row("where(a > 0, sqrt(a), b)", "where(a > 0, sqrt(where(a > 0, a, 1)), b)"),
    Row("x/abs(x)", "sign(x)", chooses=True),
    Row("x/norm(x)", "x/max(norm(x), 1e-12)", chooses=True),
    Row("a/(norm(x)*norm(y))", "a/max(norm(x)*norm(y), 1e-12)", chooses=True),
    Row("a/sqrt(var(x, axis))", "a/sqrt(var(x, axis) + 1e-5)", chooses=True),
    Row("a/std(x, axis)", "a/sqrt(var(x, axis) + 1e-5)", chooses=True),
    Row("atan(y/x)", "atan2(y, x)", chooses=True),
    Row(
        "acos(sum(x*y)/(norm(x)*norm(y)))",
        "2*atan2(norm(x/norm(x) - y/norm(y)), norm(x/norm(x) + y/norm(y)))",
    ),
    Row("acos(x)", "acos(max(-1, min(1, x)))"),
    Row("asin(x)", "asin(max(-1, min(1, x)))"),
    Row("sqrt(x)", "where(x > 0, sqrt(x), 0)"),
)

_CANCELLING = (
    Row("1 - cos(x)", "2*sin(x/2)^2"),
    Row("exp(x) - 1", "expm1(x)"),
    Row("exp(a) - exp(b)", "2*exp((a + b)/2)*sinh((a - b)/2)"),
    Row("log(1 + x)", "log1p(x)"),
    Row("(1 + 1/a)^b", "exp(b*softplus(-log(a)))"),
    Row("(1 + a)^b", "exp(b*softplus(log(a)))"),
    Row("sqrt(1 + x) - 1", "x/(sqrt(1 + x) + 1)"),
    Row("1 - sqrt(1 - x)", "x/(1 + sqrt(1 - x))"),
    Row("sqrt(a + b) - sqrt(a)", "b/(sqrt(a + b) + sqrt(a))"),
    Row("sqrt(a) - sqrt(b)", "(a - b)/(sqrt(a) + sqrt(b))"),
    Row("sqrt(x^2 + a) - x", "a/(sqrt(x^2 + a) + x)"),
    Row("(-b + sqrt(b^2 - 4*a*c))/(2*a)", "-2*c/(b + sqrt(b^2 - 4*a*c))"),
    Row("(-b - sqrt(b^2 - 4*a*c))/(2*a)", "2*c/(-b + sqrt(b^2 - 4*a*c))"),
    Row("log(x + sqrt(x^2 + 1))", "sign(x)*log(abs(x) + sqrt(x^2 + 1))"),
    Row("mean(x^2, axis) - mean(x, axis)^2", "var(x, axis)"),
    Row("(a + b) - a", "b + 0*a"),
    Row("a^2 - b^2", "(a - b)*(a + b)"),
    Row("1/a - 1/b", "(b - a)/(a*b)"),
    Row("1/x - 1/(x + a)", "a/(x*(x + a))"),
    Row("sin(a + b) - sin(a)", "2*cos(a + b/2)*sin(b/2)"),
    Row("cos(a + b) - cos(a)", "-2*sin(a + b/2)*sin(b/2)"),
    Row("sin(a) - sin(b)", "2*cos((a + b)/2)*sin((a - b)/2)"),
    Row("cos(a) - cos(b)", "-2*sin((a + b)/2)*sin((a - b)/2)"),
    Row("atan(a) - atan(b)", "atan2(a - b, 1 + a*b)"),
    Row("log(x + a) - log(x)", "softplus(log(a) - log(x))"),
    Row("log(a) - log(b)", "log(a/b)"),
)

ROWS = (*_SOFTMAX, *_SIGMOID, *_OVERFLOWING, *_WITHOUT_A_VALUE, *_CANCELLING)
