"""Classes that work out gradients by themselves, as students write them after micrograd."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import pytest

from backtrace.errors import BacktraceError
from backtrace.homework.backward import Judged, check_code
from backtrace.homework.backward.codes import CODES
from tests.oracles import measured_gradient

HERE = Path(__file__).parent.parent / "data" / "code" / "autograd"
CLOSURES = (HERE / "closures.py").read_text("utf-8")
TUPLES = (HERE / "tuples.py").read_text("utf-8")
_BACKWARD = CLOSURES[CLOSURES.index("        order, seen") : CLOSURES.index("    def __neg__")]


def _with_order(lines: str) -> tuple[str, str]:
    return _BACKWARD, lines


PLANTED = [
    # the operation, what is due, what stands there, which row is wrong, what fits
    (CLOSURES, "self.grad += total.grad", "self.grad = total.grad", "__add__.self", "fork-lost"),
    (CLOSURES, "other.grad += total.grad", "other.grad = total.grad", "__add__.other", "fork-lost"),
    (CLOSURES, "            other.grad += total.grad\n", "", "__add__.other", "no-gradient"),
    (
        CLOSURES,
        "self.grad += other.data * product.grad",
        "self.grad += self.data * product.grad",
        "__mul__.self",
        "wrong-variable",
    ),
    (
        CLOSURES,
        "self.grad += other.data * product.grad",
        "self.grad += other.data",
        "__mul__.self",
        "no-upstream",
    ),
    (
        CLOSURES,
        "        other = other if isinstance(other, Scalar) else Scalar(other)\n        product",
        "        product",
        "__mul__.other",
        "",
    ),
    (CLOSURES, "self.data * other.data, (self", "self.data + other.data, (self", "__mul__", ""),
    (CLOSURES, "exponent * self.data ** (ex", "self.data ** (ex", "__pow__.self", "pow-rule"),
    (CLOSURES, "(exponent - 1) * power.grad", "exponent * power.grad", "__pow__.self", None),
    (CLOSURES, "-self.data / other", "self.data / other", "__truediv__.other", "sign"),
    (CLOSURES, "(self.data > 0) *", "(self.data < 0) *", "relu.self", None),
    (CLOSURES, "(self.data > 0) * kept.grad", "kept.grad", "relu.self", "no-mask"),
    (CLOSURES, "(1 - t * t) * sq", "(1 - t) * sq", "tanh.self", None),
    (CLOSURES, "grown.data * grown", "self.data * grown", "exp.self", "wrong-variable"),
    (CLOSURES, "        self.grad = 1.0\n", "", "backward", "no-seed"),
    (CLOSURES, "reversed(order)", "order", "backward", "order"),
    pytest.param(
        *(CLOSURES, "                seen.add(node)\n", "", "backward", "node-twice"),
        marks=pytest.mark.slow,  # 2^n nodes
    ),
    pytest.param(
        CLOSURES,
        *_with_order(
            "        def visit(node):\n            node.push()\n"
            "            for parent in node.parents:\n                visit(parent)\n\n"
            "        self.grad = 1.0\n        visit(self)\n\n"
        ),
        "backward",
        "node-twice",
        marks=pytest.mark.slow,  # as many
    ),
    (
        CLOSURES,
        *_with_order(
            "        self.grad = 1.0\n        waiting, seen = [self], set()\n"
            "        while waiting:\n            node = waiting.pop(0)\n"
            "            if node in seen:\n                continue\n"
            "            seen.add(node)\n            node.push()\n"
            "            waiting.extend(node.parents)\n\n"
        ),
        "backward",
        "order",
    ),
    (TUPLES, "(1, 1)", "(1, -1)", "__add__.other", None),
    (TUPLES, "(1, 1)", "(1,)", "__add__.other", ""),
    (TUPLES, "(other.value, self.value)", "(self.value, other.value)", "__mul__.self", None),
    (TUPLES, "(k * self.value ** (k - 1),)", "(k * self.value**k,)", "__pow__.self", None),
    (TUPLES, "(1 / self.value,)", "(self.value,)", "log.self", None),
    (TUPLES, "(math.exp(self.value),))", "(self.value,))", "exp.self", None),
    (TUPLES, "float(self.value > 0)", "float(self.value < 0)", "relu.self", None),
    (TUPLES, "(s * (1 - s),)", "(self.value * (1 - self.value),)", "sigmoid.self", None),
    (TUPLES, "child.grad += slope", "child.grad = slope", "backward", None),
    (TUPLES, "slope * node.grad", "slope", "backward", None),
    (TUPLES, "nodes[::-1]", "nodes", "backward", "order"),
]


def test_right_classes_are_right_and_each_row_is_there() -> None:
    for text, rows in ((CLOSURES, 11), (TUPLES, 10)):
        judged = check_code(text, "scalar.py")
        assert judged.ok
        assert len(judged.verdicts) == rows
        assert check_code(text, "scalar.py", "Scalar").ok


@pytest.mark.parametrize("text", [CLOSURES, TUPLES])
def test_the_classes_that_are_called_right_have_the_measured_slopes(text: str) -> None:
    names: dict = {}
    exec(text, names)  # our own
    scalar = names["Scalar"]

    def f(a: object, b: object) -> object:
        c = a * b + a**2  # type: ignore[operator]
        return ((c - b) * c + a.relu()) / b + c.exp()  # type: ignore[operator,attr-defined]

    a, b = scalar(0.3), scalar(1.2)
    f(a, b).backward()  # type: ignore[attr-defined]

    def value(x: float, y: float) -> float:
        out = f(scalar(x), scalar(y))
        return out.data if hasattr(out, "data") else out.value  # type: ignore[attr-defined]

    slopes = measured_gradient(lambda x: value(*x), [0.3, 1.2])
    assert [a.grad, b.grad] == pytest.approx(slopes, rel=1e-6)


@pytest.mark.parametrize(("text", "due", "there", "row", "code"), PLANTED)
def test_planted_slips_are_found_where_they_are(
    text: str, due: str, there: str, row: str, code: str | None
) -> None:
    assert text.count(due) >= 1
    judged = check_code(text.replace(due, there, 1), "scalar.py")
    wrong = {v.gradient.name: v for v in judged.verdicts if v.verdict == "wrong"}
    assert row in wrong
    others = {v.gradient.name.partition(".")[0] for v in judged.verdicts if not v.passes}
    assert others <= {row.partition(".")[0], "backward"}  # nothing else is blamed
    codes = [edit.code for edit in wrong[row].fits]
    assert {*codes} <= CODES.keys()
    if code:
        assert codes[0] == code
    elif code == "":
        assert wrong[row].note or not codes


def test_names_places_and_the_first_fault_are_said() -> None:
    from backtrace.homework.backward.report import as_object

    judged = check_code(CLOSURES.replace("self.grad += total", "self.grad = total"), "scalar.py")
    assert as_object(judged, 2)["first_fault"] == "__add__.self"
    first = as_object(judged, 2)["answers"][0]
    assert (first["name"], first["verdict"], first["line"]) == ("__add__.self", "wrong", 18)


@pytest.mark.parametrize("seed", range(40))
def test_whatever_stands_in_the_class_there_is_a_verdict_or_an_error(seed: int) -> None:
    chance = random.Random(seed)
    lines = chance.choice((CLOSURES, TUPLES)).splitlines()
    for _ in range(chance.randrange(1, 4)):
        k = chance.randrange(len(lines))
        change = chance.randrange(4)
        if change == 0:
            del lines[k]
        elif change == 1:
            lines.insert(k, chance.choice(lines))
        elif change == 2:
            lines[k] = lines[k].replace("self", "other")
        else:
            lines[k] = lines[k].replace("grad", "data").replace("+", "-")
    with contextlib.suppress(BacktraceError):
        assert isinstance(check_code("\n".join(lines), "scalar.py"), Judged)


COMPOSED = """
class Value:
    def __init__(self, data, children=()):
        self.data, self.grad = data, 0.0
        self.children, self.push = children, lambda: None

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other))

        def push():
            self.grad += out.grad
            other.grad += out.grad

        out.push = push
        return out

    def {}(self, other):
        return {}
"""


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("__rsub__", "other + (-self)", "self - other"),
        ("__sub__", "self + (-other)", "other - self"),
        ("__radd__", "self + other", "self * other"),
        ("__rtruediv__", "other * self**-1", "self * other**-1"),
    ],
)
def test_operators_that_are_made_of_others_give_what_their_names_say(
    name: str, right: str, wrong: str
) -> None:
    assert check_code(COMPOSED.format(name, right), "v.py").ok
    judged = check_code(COMPOSED.format(name, wrong), "v.py")
    [told] = [v for v in judged.verdicts if not v.passes]
    assert (told.gradient.name, told.row, told.about) == (name, 19, "value")
