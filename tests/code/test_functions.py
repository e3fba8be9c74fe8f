"""Functions of a running Python: the numbers that calling them would give, and none is called."""

from __future__ import annotations

import functools
import importlib
import linecache
import pathlib
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import backtrace
from backtrace.errors import BacktraceError, FormulaError, UsageError
from tests.oracles import measured_gradient

CALLED: list[str] = []
W = np.array([[0.5, -1.0], [2.0, 0.25]])
scale, power, sizes, name_of_act = 0.5, 2.0, [2.0, 3.0], "tanh"
params = {"W1": np.array([[1.0, 2.0], [0.5, 1.5]]), "b1": np.array([0.1, -0.2])}
layers = [(W, params["b1"]), (params["W1"], np.array([0.3, 0.4]))]
x2 = np.array([1.0, 2.0])


def relu(z: Any) -> Any:
    CALLED.append("relu")
    return np.maximum(0, z)


def net(x: Any, b: Any = np.array([1.0, -1.0])) -> Any:  # noqa: B008
    CALLED.append("net")
    h = relu(W @ x + b)
    return (h.sum() * scale) ** power


def of_dictionary(x: Any, p: Any = params) -> Any:
    return np.tanh(x @ p["W1"] + p["b1"]).sum()


def of_list(x: Any) -> Any:
    for weights, b in layers:
        x = np.tanh(x @ weights + b)
    return (x**2).mean()


def chosen(x: Any) -> Any:
    return np.tanh(x).sum() if name_of_act == "tanh" else x.sum()


def closed_over(k: float, v: Any) -> Callable[..., Any]:
    def double(z: Any) -> Any:
        return 2 * z

    def inner(x: Any) -> Any:
        CALLED.append("inner")
        return (k * double(x) + v).sum()

    return inner


def reads_w(z: Any) -> Any:
    return z @ W


def own_w(x: Any) -> Any:
    W = x * 2
    return (reads_w(W) * W).sum()


def given_w(x: Any, W: Any) -> Any:
    return (reads_w(x) * W).sum()


def changes(x: Any) -> Any:
    y = x
    y += 1
    return (x * y).sum()


def noted(function: Callable[..., Any]) -> Callable[..., Any]:
    CALLED.append("noted")
    return function


def doubled(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return 2 * function(*args)

    return wrapper


@noted
def marked(x: Any) -> Any:
    return (x**3).sum()


@doubled
def twice(x: Any) -> Any:
    return (x**2).sum()


def calls_twice(x: Any) -> Any:
    return twice(x) + 1


class Unit:
    slope = 0.1

    def __init__(self, w: Any) -> None:
        CALLED.append("init")
        self.w = w
        self.b = 0.5

    @property
    def double(self) -> Any:
        CALLED.append("property")
        return 2 * self.w

    @staticmethod
    def act(z: Any) -> Any:
        return np.tanh(z)

    def lean(self, z: Any) -> Any:
        return z + self.slope * z

    def forward(self, x: Any) -> Any:
        return self.lean(self.act(self.double * x + self.b)).sum()


class Deeper(Unit):
    def forward(self, x: Any) -> Any:
        return super().forward(x) ** 2


class Callable_(Unit):
    def __call__(self, x: Any) -> Any:
        return self.forward(x) + 1

    def __getattr__(self, name: str) -> Any:
        CALLED.append(name)
        raise AttributeError(name)


def of_object(x: Any) -> Any:
    return UNIT.forward(x) * UNIT.b


UNIT, DEEPER, CALLABLE = Unit(np.array([0.3, -0.4])), Deeper(0.7), Callable_(0.2)
square, cube = lambda x: (x**2).sum(), lambda x: (x**3).sum()
made = closed_over(3.0, np.array([1.0, 2.0]))
FUNCTIONS: list[Callable[..., Any]] = [
    *(net, of_dictionary, of_list, chosen, own_w, square, cube, made, marked, calls_twice),
    *(UNIT.forward, DEEPER.forward, CALLABLE, CALLABLE.__call__, of_object),
    lambda x: np.exp(-x).sum() * scale,
]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: getattr(f, "__qualname__", "object"))
def test_the_numbers_are_those_of_a_call_and_nothing_is_called(function: Any) -> None:
    CALLED.clear()
    trace = backtrace.trace(function, {"x": x2})
    assert CALLED == []
    assert trace.ok
    assert trace.value == pytest.approx(function(x2), rel=1e-12)
    assert trace.gradients["x"] == pytest.approx(
        measured_gradient(function, x2), rel=1e-6, abs=1e-7
    )


def test_what_is_changed_in_place_is_a_copy_of_the_values_given() -> None:
    given = np.array([1.0, 2.0])
    assert backtrace.trace(changes, {"x": given}).value == 13
    assert given.tolist() == [1.0, 2.0]


def test_what_is_outside_is_an_input_at_its_value() -> None:
    trace = backtrace.trace(net, {"x": x2}, check=False)
    assert {*trace.point} == {"x", "W", "b", "scale", "power"}
    assert trace.gradients["W"].shape == (2, 2)
    assert backtrace.trace(made, {"x": x2}, check=False).point.keys() == {"k", "x", "v"}
    assert backtrace.trace(of_dictionary, {"x": x2}, check=False).point.keys() == {"x", "W1", "b1"}


def test_what_is_given_wins_over_what_is_outside() -> None:
    trace = backtrace.trace(net, {"x": x2, "scale": 3, "b": [0, 0]}, check=False)
    assert trace.value == pytest.approx((np.maximum(0, W @ x2).sum() * 3) ** 2)
    assert backtrace.trace(made, {"x": x2, "k": 10}, check=False).value == 63
    with pytest.raises(BacktraceError, match="'bias' does not occur"):
        backtrace.trace(net, {"x": x2, "bias": 1})


def test_a_parameter_is_no_name_outside() -> None:
    """W of the caller, and the W that the function finds outside."""
    given = np.array([3.0, -1.0])
    trace = backtrace.trace(given_w, {"x": x2, "W": given})
    assert trace.ok
    assert trace.value == pytest.approx(float((x2 @ W * given).sum()))
    assert trace.gradients["W"] == pytest.approx(x2 @ W)


M = np.array([[1.0, 2.0], [3.0, 4.0]])
row, turned, same = M[0], M.T, M


def through_a_name(x: Any) -> Any:
    y = M
    y += x
    return (M * y).sum()


def through_another(x: Any) -> Any:
    y = same
    y *= x
    return M.sum()


def through_a_default(x: Any, b: Any = M) -> Any:
    b += x
    return (M * x).sum()


def through_a_copy(x: Any) -> Any:
    y = M.copy()
    y += x
    return (y * row * turned).sum()


def of_a_row(x: Any) -> Any:
    y = M
    y += x
    return row.sum()


def of_a_row_before(x: Any) -> Any:
    before = row * 1
    y = turned
    y += x
    return (row * before * M).sum()


def of_an_entry(x: Any) -> Any:
    row[0] = 5.0
    return (M * x).sum()


@pytest.mark.parametrize(
    "function", [through_a_name, through_another, through_a_default, through_a_copy]
)
def test_an_array_is_one_under_all_its_names(function: Any) -> None:
    before = M.copy()
    trace = backtrace.trace(function, {"x": 2.0}, check=False)
    assert before.tolist() == M.tolist()
    try:
        assert trace.value == pytest.approx(function(2.0))
    finally:
        M[...] = before


@pytest.mark.parametrize("function", [of_a_row, of_a_row_before, of_an_entry])
def test_views_of_an_array_that_is_changed_are_refused(function: Any) -> None:
    with pytest.raises(BacktraceError, match=r"one array, of which both would change|memory of"):
        backtrace.trace(function, {"x": 2.0})


def test_options() -> None:
    trace = backtrace.trace(net, {"x": x2}, of="h", wrt=["x"], fuse=True, upstream=[1.0, 0.0])
    assert trace.value == pytest.approx(relu(W @ x2 + [1.0, -1.0]))
    assert [*trace.gradients] == ["x"]
    assert trace.gradients["x"].tolist() == [0.0, 0.0]
    assert [group.gate for group in trace.groups] == ["relu_layer"]
    assert backtrace.trace("q = x*y; f = q*2", {"x": 1, "y": 3}, of="q").value == 3
    assert backtrace.trace(net, {"x": "randn(2)"}, seed=1, check=False).value != pytest.approx(
        backtrace.trace(net, {"x": "randn(2)"}, seed=2, check=False).value
    )
    with pytest.raises(BacktraceError, match="'hh' is not computed"):
        backtrace.trace(net, {"x": x2}, of="hh")


def test_values_that_the_result_does_without_are_left_out() -> None:
    def unused(x: Any, y: Any, z: Any) -> Any:
        h = x * y
        return h * z

    found = backtrace.trace(unused, {"x": 2, "y": 3, "z": 4}, of="h")
    assert found.value == 6
    assert "left out, because h does not need it: z" in found.notes[0].text
    assert backtrace.trace(lambda x, y: x * 2, {"x": 1, "y": 3}).gradients == {"x": 2}
    with pytest.raises(BacktraceError, match="'q' does not occur"):
        backtrace.trace(unused, {"x": 2, "y": 3, "q": 4, "z": 1}, of="h")


def test_lines_are_those_of_the_file() -> None:
    lines = pathlib.Path(__file__).read_text("utf-8").splitlines()
    trace = backtrace.trace(net, {"x": x2})
    nodes = zip(trace.graph.nodes, trace.lines, strict=True)
    told = {node.gate.name: lines[line.line - 1] for node, line in nodes if node.gate and line}
    assert told["matmul"].strip() == "h = relu(W @ x + b)"
    assert told["max"].strip() == "return np.maximum(0, z)"
    assert f"line {lines.index('    return (h.sum() * scale) ** power') + 1}" in trace.show("tree")
    assert '"line":' in trace.to_json()


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (np.tanh, "'tanh' has no source in Python"),
        (print, "'print' has no source in Python"),
        (functools.partial(net, b=1), "a partial is not traced"),
        (Unit, "Unit is a class"),
        (twice, "'twice' is decorated"),
        (3, "a formula or a function is traced, not int"),
        (None, "a formula or a function is traced, not NoneType"),
    ],
    ids=["ufunc", "builtin", "partial", "class", "decorated", "number", "nothing"],
)
def test_what_is_no_function_with_a_source(function: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        backtrace.trace(function, {"x": x2})


def test_code_that_has_no_text() -> None:
    names: dict[str, Any] = {}
    exec("def f(x):\n    return x*2", names)
    with pytest.raises(UsageError, match="the source of 'f' is not to be had"):
        backtrace.trace(names["f"], {"x": 1})


def yields(x: Any) -> Iterator[Any]:
    yield x * 2


async def waits(x: Any) -> Any:
    return x * 2


def masks(x: Any) -> Any:
    return np.argsort(x).sum()


def reads_a_stranger(x: Any) -> Any:
    return x * STRANGER


class Slotted:
    __slots__ = ("w",)
    one: Any = None

    def __init__(self) -> None:
        self.w = 2.0


Slotted.one = Slotted()
STRANGER = types.SimpleNamespace(a=1)


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (yields, "is a generator or async"),
        (waits, "is a generator or async"),
        (masks, r"test_functions.py:\d+:12: 'argsort' is not read"),
        (lambda x: x @ missing, r"test_functions.py:\d+:24: 'missing' has no value"),  # type: ignore[name-defined] # noqa: F821
        (lambda *x: x[0], "what 'x' gathers is told by a call"),
    ],
    ids=["generator", "async", "argsort", "missing", "star"],
)
def test_what_is_refused(function: Any, told: str) -> None:
    with pytest.raises(BacktraceError, match=told):
        backtrace.trace(function, {"x": x2})


def test_what_is_no_number_is_told_where_it_is_read() -> None:
    held = [object(), 1.0]
    reading: list[tuple[Callable[..., Any], str]] = [
        (reads_a_stranger, "SimpleNamespace has no __rmul__"),
        (lambda x: x * Slotted.one.g, "there is no 'g'"),
        (lambda x: x * held[0], "."),
    ]
    for function, told in reading:
        with pytest.raises(BacktraceError, match=told) as raised:
            backtrace.trace(function, {"x": 1})
        place = str(raised.value).split(":")[1]
        lines = pathlib.Path(__file__).read_text("utf-8").splitlines()
        assert "x * " in lines[int(place) - 1]


# files


@pytest.fixture
def module(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Makes a module of a text, which runs once."""
    monkeypatch.syspath_prepend(str(tmp_path))
    names: list[str] = []

    def make(text: str, name: str = "layers_made_here") -> Any:
        (tmp_path / f"{name}.py").write_text(text, "utf-8")
        linecache.checkcache()
        importlib.invalidate_caches()
        names.append(name)
        return importlib.import_module(name)

    yield make
    for name in names:
        sys.modules.pop(name, None)


def test_values_are_those_of_now_and_not_those_of_the_file(module: Any) -> None:
    made = module("import numpy as xp\nw = 2.0\nw *= 3\ndef f(x):\n    return xp.exp(w*x)\n")
    assert backtrace.trace(made.f, {"x": 0.5}).value == pytest.approx(np.exp(3.0))
    made.w = 1.0
    assert backtrace.trace(made.f, {"x": 0.5}).value == pytest.approx(np.exp(0.5))


@pytest.mark.parametrize(
    "other",
    [
        "def f(x):\n    return x - 2\n",
        "def f(x):\n    return x * 3\n",
        "def f(x):\n    return f * 2\n",
        "def g(x):\n    return x * 2\n",
        "def f(y):\n    return y * 2\n",
        "\ndef f(x):\n    return x * 2\n",
        "",
    ],
)
def test_a_file_that_was_edited_since_is_refused(
    module: Any, tmp_path: pathlib.Path, other: str
) -> None:
    made = module("def f(x):\n    return x * 2\n")
    assert backtrace.trace(made.f, {"x": 3}).value == 6
    (tmp_path / "layers_made_here.py").write_text(other + "# longer, so that it is seen\n", "utf-8")
    with pytest.raises(UsageError, match="the source of 'f'"):
        backtrace.trace(made.f, {"x": 3})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("np.sin(x)", "np.cos(x)"),
        ("np.where(x > 0, x, 1)", "np.where(x < 0, x, 1)"),
        ("(lambda z: z*2)(x)", "(lambda z: z*3)(x)"),
        ("sum([z*2 for z in (x, x)])", "sum([z-2 for z in (x, x)])"),
        ("a*x + b", "b*x + a"),
        ("-x", "+x"),
        ("x.sum(axis=0)", "x.sum(axis=1)"),
    ],
)
def test_an_edit_of_the_same_length_is_seen(
    module: Any, tmp_path: pathlib.Path, before: str, after: str
) -> None:
    text = "import numpy as np\na, b = 2.0, 3.0\ndef f(x):\n    return {}\n"
    made = module(text.format(before))
    backtrace.trace(made.f, {"x": [0.5, 2.0]}, check=False)
    (tmp_path / "layers_made_here.py").write_text(text.format(after) + "# edited\n", "utf-8")
    with pytest.raises(UsageError, match="the source of 'f' has changed"):
        backtrace.trace(made.f, {"x": [0.5, 2.0]})


class Private(Slotted):
    rate = 0.5

    def __init__(self) -> None:
        super().__init__()
        self.__v = 3.0
        self._u = 1.5

    def __double(self, x: Any) -> Any:
        return 2 * x

    def forward(self, x: Any) -> Any:
        return (self.__double(x) * self.__v + self._u * self.w).sum()

    @classmethod
    def rated(cls, x: Any) -> Any:
        return (x * cls.rate).sum()


@pytest.mark.parametrize("function", [Private().forward, Private.rated, Private().rated])
def test_private_names_slots_and_classmethods(function: Any) -> None:
    trace = backtrace.trace(function, {"x": x2})
    assert trace.ok
    assert trace.value == pytest.approx(function(x2))


def test_functions_of_two_files_read_their_own_names(module: Any) -> None:
    module("w = 5.0\nt = 1.0\ndef layer(x):\n    return w*x + t\n", "layers_beneath")
    made = module("from layers_beneath import layer\nw = 2.0\ndef f(x):\n    return layer(w*x)\n")
    trace = backtrace.trace(made.f, {"x": 3})
    assert trace.value == 31
    assert sorted(trace.point.values()) == [1.0, 2.0, 3.0, 5.0]
    lines = {line.line for line in trace.lines if line is not None}
    assert lines == {4}  # a line of the other file would be taken for one of this


def test_several_lambdas_on_a_line_are_told_apart(module: Any) -> None:
    made = module("f, g = lambda x: x*2, lambda x: x*3\nh = lambda x: (lambda x: x*5)(x) + 1\n")
    assert [backtrace.trace(f, {"x": 2}).value for f in (made.f, made.g, made.h)] == [4, 6, 11]


def test_a_tensor_is_its_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a PyTorch that is loaded; it is never loaded for this."""

    class Tensor:
        dtype = "torch.float32"
        shape = (2,)

        def __init__(self, held: list[float]) -> None:
            self.held = held

        def detach(self) -> Tensor:
            return self

        cpu = detach

        def numpy(self) -> Any:
            return np.array(self.held)

    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(Tensor=Tensor))
    v = Tensor([3.0, 4.0])
    assert backtrace.trace(lambda x: (x * v).sum(), {"x": x2}).value == 11
    assert backtrace.trace(lambda x: (x * x).sum(), {"x": v}).value == 25


# texts


def test_a_text_is_traced_as_its_file() -> None:
    text = "w = 0.5\ny = w*x\nloss = (y - 1)**2\nother = loss + 1\n"
    trace = backtrace.from_source(text, {"x": 3}, of="loss")
    assert (trace.value, trace.ok) == (0.25, True)
    assert [line.line for line in trace.lines if line] == [2, 3, 3]
    assert backtrace.from_source(text, {"x": 3, "w": 1}, of="y").gradients == {"x": 1, "w": 3}
    text = "def f(x, act='relu'):\n    return np.tanh(x) if act == 'tanh' else np.maximum(0, x)\n"
    assert backtrace.from_source(text, {"x": 2}, name="f").value == 2
    found = backtrace.from_source(text, {"x": 2, "act": "tanh"}, name="f", path="a.py")
    assert found.value == pytest.approx(np.tanh(2))
    assert found.notes[0].text == "read from a.py:f"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = 3.0\ny = x*\n", r"^2:7: invalid syntax"),
        ("x = 3.0\ny = x@2\n", r"^2:6: @ multiplies"),
        ("import os\nos.remove('a')\n", r"^1:1: nothing is computed"),
        ("y = z*2\n", r"^1:5: 'z' has no value"),
        ("", "nothing is computed"),
    ],
)
def test_errors_of_a_text_have_line_and_column(text: str, told: str) -> None:
    with pytest.raises(BacktraceError, match=told):
        backtrace.from_source(text)
    if text.startswith("x"):
        with pytest.raises(FormulaError, match=r"^a\.py:2:"):
            backtrace.from_source(text, path="a.py")


def test_a_decorated_function_of_a_file_is_refused() -> None:
    text = "def twice(f):\n    return lambda x: 2*f(x)\n@twice\ndef f(x):\n    return x*3\n"
    with pytest.raises(FormulaError, match="'f' is decorated"):
        backtrace.from_source(text, {"x": 1}, name="f")
