"""Calls of NumPy and PyTorch that are more than another name for ours: where the two libraries mean
different things by one word, where an argument's meaning depends on the others.
"""

from __future__ import annotations

from collections.abc import Callable

from backtrace.formula import network_readings
from backtrace.formula.calls import (
    FALSE,
    TRUE,
    Call,
    Tokens,
    bracketed,
    is_whole,
    split,
    written,
)
from backtrace.formula.masked_readings import masked
from backtrace.formula.special_readings import SPECIAL_READINGS
from backtrace.formula.spellings import OPENED, REDUCTIONS, SHAPED, TEMPLATES
from backtrace.formula.token import NUMBER, Token
from backtrace.formula.windowreadings import WINDOW_READINGS
from backtrace.language import tell

Reading = Callable[[Call], Tokens]


def read_call(call: Call) -> Tokens:
    """The call in our own words. Raises FormulaError for what is not known."""
    name = call.name.text
    row = call.gates.get(name)
    if row is not None and row.is_own and not call.is_theirs:
        return call.plain()
    call.common()
    _open(call)
    if call.is_theirs and name in REDUCTIONS and len(call.free) == 2:
        call.with_keyword("axis", bracketed(call.free.pop()))
    keeps = call.take("keepdims", "keepdim")
    if keeps is not None and written(keeps) not in FALSE:
        return _kept(call, keeps)
    is_ours = row is not None and not call.is_theirs
    reading = READINGS.get(name)
    is_ours = is_ours and not (name == "norm" and "ord" in call.named)
    if reading is not None and not (is_ours and name in _OURS_ALONE):
        return reading(call)
    if name in TEMPLATES and not is_ours:
        return call.templated()
    if call.is_theirs and row is None and name != "arange":
        raise call.error(tell("'{name}' is not read", name=name), call.near())
    return call.plain()


def _open(call: Call) -> None:
    """Lists of arrays, and shapes, that stand in brackets of their own."""
    name, free = call.name.text, call.free
    if name in OPENED and free and free[0][0].kind in ("(", "["):
        inner = split(free[0][1:-1])
        if len(free) == 2 and is_whole(free[1]):
            call.with_keyword("axis", free.pop())
        call.free = [*inner, *free[1:]]
    elif name in OPENED and call.is_theirs:
        raise call.error(
            tell("{name} takes a list of arrays", name=name),
            tell("write {name}([a, b])", name=name),
        )
    if name in SHAPED and len(free) == 2 and free[1][0].kind in ("(", "["):
        call.free = [free[0], *split(free[1][1:-1])]


def _kept(call: Call, keeps: Tokens) -> Tokens:
    """keepdims=True: the same without it, and the axis put back."""
    name = call.name.text
    if written(keeps) not in TRUE:
        raise call.error(tell("keepdims is True or False"), "", keeps)
    axis = call.named.get("axis", call.named.get("dim"))
    if axis is None:
        hint = tell("write {name}(x, axis=0, keepdims=True)", name=name)
        raise call.error(tell("keepdims is read with an axis"), hint)
    end, text = call.end, call.text
    inner = read_call(call)
    place = call.name._replace(text="expand_dims", end=call.name.start)
    return Call(text, place, [inner], {"axis": axis}, end, call.gates).plain()


def _transposed(call: Call) -> Tokens:
    """All axes turned round; in another order; or, of two in PyTorch, swapped."""
    axes = call.take("axes", "dims")
    if axes is not None:
        call.free.append(axes)
    if len(call.free) == 2 and call.free[1][0].kind in ("(", "["):
        call.free[1:] = split(call.free[1][1:-1])
    if len(call.free) == 1:
        return call.templated("({0}).T")
    if call.base == "torch" and call.name.text == "transpose" and len(call.free) == 3:
        return call.plain("swapaxes")
    return call.plain("permute")


def _flattened(call: Call) -> Tokens:
    start, end = call.take("start_dim"), call.take("end_dim")
    if len(call.free) == 1 and start is None and end is None:
        return call.templated("reshape({0}, -1)")
    for word, value in (("start", start), ("end", end)):
        if value is not None:
            call.with_keyword(word, value)
    return call.plain("flatten")


def _padded(call: Call) -> Tokens:
    """np.pad says a pair for every axis, F.pad numbers from the last axis on."""
    if not (call.is_torch or call.is_numpy):
        hint = tell("np.pad(x, ((0, 0), (1, 2))) and F.pad(x, (1, 2)) are read")
        raise call.error(tell("pad has two readings"), hint)
    mode = call.argument(2, "mode")
    value = call.argument(2, "value", "constant_values")
    if mode is not None and written(mode) != '"constant"':
        raise call.error(
            tell("pad with {written} is not read", written=written(mode)), tell("zeros are"), mode
        )
    if value is not None and written(value) not in ("0", "0.0"):
        raise call.error(tell("zeros alone are put around an array"), "", value)
    widths = call.argument(1, "pad_width", "pad")
    if widths is None:
        raise call.error(tell("pad is not told how many zeros"), "np.pad(x, 1), F.pad(x, (1, 1))")
    call.free.append(bracketed(widths))
    if call.is_torch:
        call.free[1] = _pairs_from_the_last(call, call.free[1])
        call.with_keyword("last", "1")
    return call.plain()


def _pairs_from_the_last(call: Call, widths: Tokens) -> Tokens:
    """(a, b, c, d) as ((c, d), (a, b))."""
    numbers = split(widths[1:-1])
    if widths[0].kind != "(" or len(numbers) % 2 or not all(map(is_whole, numbers)):
        raise call.error(
            tell("F.pad takes a pair of numbers for each axis"), "F.pad(x, (1, 1))", widths
        )
    start, end = widths[0], widths[-1]
    comma = Token(",", ",", end.start, end.start)
    pairs = [[start, *numbers[k], comma, *numbers[k + 1], end] for k in range(0, len(numbers), 2)]
    return [start, *(token for pair in reversed(pairs) for token in (*pair, comma)), end]


def _spread(call: Call) -> Tokens:
    """var and std: by n, or by n - 1?"""
    if call.is_theirs and len(call.free) == 2:
        call.with_keyword("axis", bracketed(call.free.pop()))
    unbiased = call.named.get("unbiased")
    ddof = call.take("unbiased", "correction", "ddof")
    if unbiased is not None:
        ddof = [Token(NUMBER, "1" if written(unbiased) in TRUE else "0", *_place(unbiased))]
    name = call.name.text
    if ddof is None and call.is_method and not call.is_torch:
        hint = tell(
            "write {name}(x) to divide by n, as NumPy, or say ddof=1, as PyTorch", name=name
        )
        raise call.error(tell("'.{name}' divides by n or by n - 1", name=name), hint)
    if ddof is not None or call.is_torch:
        call.with_keyword("ddof", ddof if ddof is not None else "1")
    if written(call.named.get("ddof", [])) == "0":
        del call.named["ddof"]
    return call.plain()


def _place(tokens: Tokens) -> tuple[int, int]:
    return tokens[0].start, tokens[-1].end


def _clipped(call: Call) -> Tokens:
    """clip(x, 0, 1), clamp(x, min=0): between two bounds, or on one side of one."""
    high = call.argument(2, "max", "a_max", "hi")
    low = call.argument(1, "min", "a_min", "lo")
    if len(call.free) != 1 or (low is None and high is None):
        raise call.error(
            tell("{text} takes bounds", text=call.name.text),
            tell("write {text}(x, 0, 1)", text=call.name.text),
        )
    bounds = {"clip({0}, {1}, {2})": (low, high), "max({0}, {1})": (low,)}
    template = next((t for t, given in bounds.items() if None not in given), "min({0}, {1})")
    call.free += [bound for bound in (low, high) if bound is not None]
    return call.templated(template)


_SQUARES = "(({0}) - ({1}))**2"
_LOSSES = {
    "mse_loss": _SQUARES,
    "l1_loss": "abs(({0}) - ({1}))",
    "nll_loss": "-pick({0}, {1})",
    "binary_cross_entropy": "-(({1})*log({0}) + (1 - ({1}))*log(1 - ({0})))",
    "binary_cross_entropy_with_logits": "softplus({0}) - ({1})*({0})",
}


def _loss(call: Call) -> Tokens:
    """Entry by entry, and what its reduction makes of the entries: the mean, unless it is said."""
    reduction = call.take("reduction")
    how = written(reduction) if reduction is not None else '"mean"'
    if how not in ('"mean"', '"sum"', '"none"'):
        raise call.error(
            tell("there is no reduction {how}", how=how),
            tell("mean, sum and none are read"),
            reduction,
        )
    for word, value in call.named.items():
        raise call.error(
            tell("{text} has no '{word}='", text=call.name.text, word=word),
            tell("reduction= is read"),
            value,
        )
    entries = _LOSSES[call.name.text]
    if how == '"none"':
        return call.templated(f"({entries})")
    return call.templated(f"{how[1:-1]}({entries})")


def _norm(call: Call) -> Tokens:
    """The Euclidean norm, or the one that ord (p) says: of a matrix NumPy's is another."""
    is_entries = call.is_method or (call.is_torch and "linalg" not in call.library)
    axis = call.argument(2, "axis", "dim")
    order = call.argument(1, "ord", "p")
    how = written(order) if order is not None else '"fro"'
    how = how.replace("np.", "").replace("torch.", "").replace("math.", "")
    if axis is not None:
        call.with_keyword("axis", bracketed(axis))
    if how in ('"fro"', "None"):
        return call.plain("norm")
    if how.strip('"') not in ("1", "2", "inf"):
        raise call.error(
            tell("the norm of order {how} is not read", how=how), "norm(x), sum(abs(x))", order
        )
    how = how.strip('"')
    if not is_entries and how != "2":
        return call.plain({"1": "norm1", "inf": "norm_inf"}[how])
    if not is_entries and not is_whole(axis) and call.is_theirs:
        what = tell("of a matrix this norm is the largest singular value")
        raise call.error(what, tell("of a vector, or of all entries, it is norm(x)"), order)
    if how == "2":
        return call.plain("norm")
    return call.templated("sum(abs({0}))" if how == "1" else "max(abs({0}))")


def _softmax(call: Call) -> Tokens:
    """Along the last axis in ours and in JAX; SciPy goes over all, PyTorch guesses."""
    has_axis = "axis" in call.named or "dim" in call.named
    if not has_axis and (call.is_torch or "special" in call.library.split(".")):
        what = tell(
            "{library}.{text} is not told its axis", library=call.library, text=call.name.text
        )
        raise call.error(what, tell("{text}(x, axis=-1) is along the last", text=call.name.text))
    return call.plain()


def _gelu(call: Call) -> Tokens:
    """Exact in PyTorch, JAX's is the tanh approximation unless it is told."""
    approximate = call.take("approximate")
    how = written(approximate) if approximate is not None else ""
    if how in ('"tanh"', "True", "true") or (not how and call.base in ("jax", "jnp")):
        return call.plain("gelu_tanh")
    if how not in ("", '"none"', "False", "false") or (not how and call.library == "nn"):
        raise call.error(
            tell("which gelu?"), tell("gelu(x), or gelu_tanh(x) for the approximation")
        )
    return call.plain("gelu")


def _largest(call: Call) -> Tokens:
    """torch.max(a, b) is entry by entry; NumPy's may be told which entries."""
    if call.is_theirs and call.free and {"where", "initial"} & call.named.keys():
        return masked(call, {"amax": "max", "amin": "min"}.get(call.name.text, call.name.text))
    axis = call.named.get("axis")
    if call.base == "torch" and axis is not None and not is_whole(axis):
        call.free.append(call.named.pop("axis"))
    return call.plain()


def _largest_of_all(call: Call) -> Tokens:
    if {"where", "initial"} & call.named.keys():
        return _largest(call)
    return call.templated()


def _taken(call: Call) -> Tokens:
    """Without an axis NumPy and PyTorch look entries up row by row."""
    if len(call.free) == 3:
        call.with_keyword("axis", call.free.pop())
    if "axis" in call.named or "dim" in call.named:
        return call.plain()
    return call.templated("take(reshape({0}, -1), {1})")


def _selected(call: Call) -> Tokens:
    axis = call.argument(1, "dim")
    if axis is None:
        raise call.error(tell("index_select takes an axis"), "torch.index_select(x, 0, i)")
    call.with_keyword("axis", axis)
    return call.plain("take")


def _logarithm(call: Call) -> Tokens:
    """math.log(x, 2)"""
    if call.base == "math" and len(call.free) == 2:
        return call.templated("(log({0}))/(log({1}))")
    return call.plain()


def _remainder(call: Call) -> Tokens:
    if call.base == "math":
        hint = tell("write x - y*floor(x/y + 0.5), or x % y")
        raise call.error(tell("math.remainder rounds to the nearest quotient"), hint)
    return call.templated("({0}) % ({1})")


def _fmod(call: Call) -> Tokens:
    what = tell("{text} has the sign of x, as in C", text=call.name.text)
    raise call.error(what, tell("x % y has the sign of y: np.mod, torch.remainder"))


def _divided(call: Call) -> Tokens:
    mode = call.take("rounding_mode")
    if mode is None:
        return call.templated("({0})/({1})")
    if written(mode) != '"floor"':
        raise call.error(
            tell("rounding by {written} is not read", written=written(mode)),
            tell("x // y is read"),
            mode,
        )
    return call.templated("({0}) // ({1})")


def _stacked_by_shape(call: Call) -> Tokens:
    hint = tell("write concatenate(a, b, axis=0)")
    raise call.error(tell("'{text}' depends on shapes", text=call.name.text), hint)


def _dot(call: Call) -> Tokens:
    return call.plain() if call.base == "torch" else call.templated()


def _with_diagonal(call: Call) -> Tokens:
    diagonal = call.argument(1, "k", "diagonal")
    if diagonal is not None:
        call.with_keyword("k", diagonal)
    return call.plain()


def _einsum(call: Call) -> Tokens:
    call.take("optimize")
    return call.plain()


def _two(call: Call) -> Tokens:
    """NumPy's third is where the result goes."""
    if call.is_theirs and call.base != "math" and len(call.free) > 2:
        raise call.error(tell("{text} takes two arrays", text=call.name.text), "", call.free[2])
    return call.plain()


def _sorted(call: Call) -> Tokens:
    """Of PyTorch the values alone; the largest first by turning them round."""
    if written(call.named.get("axis", [])) == "None":
        what = tell("with axis=None all entries are one row")
        raise call.error(what, "sort(reshape(x, -1))", call.named["axis"])
    axis = call.argument(1, "dim", "axis")
    descending = call.take("descending")
    call.take("stable")
    if axis is not None:
        call.with_keyword("axis", axis)
    if descending is None or written(descending) in FALSE:
        return call.plain()
    if written(descending) not in TRUE:
        raise call.error(tell("descending is True or False"), "", descending)
    end, text = call.end, call.text
    along = axis or [Token("-", "-", *_place(call.free[0])), Token(NUMBER, "1", end.start, end.end)]
    inner = call.plain()
    return Call(
        text, call.name._replace(text="flip"), [inner], {"axis": along}, end, call.gates
    ).plain()


def _moved(call: Call) -> Tokens:
    """flip and roll, where PyTorch has other words."""
    for words, ours in ((("dims",), "axis"), (("shifts",), "shift")):
        given = call.take(*words)
        if given is not None:
            call.with_keyword(ours, bracketed(given))
    return call.plain()


def _full(call: Call) -> Tokens:
    """NumPy and PyTorch say the shape first."""
    value = call.argument(1, "fill_value")
    if len(call.free) != 1 or value is None:
        what = tell("full takes a shape and what is repeated to it")
        raise call.error(what, "full(a, 2, 3), np.full((2, 3), a)")
    call.free.insert(0, value)
    call.free[1] = bracketed(call.free[1])
    return call.plain()


READINGS: dict[str, Reading] = {
    **dict.fromkeys(("huber_loss", "smooth_l1_loss"), network_readings.huber_loss),
    **dict.fromkeys(("layer_norm", "rms_norm"), network_readings.layer_norm),
    "batch_norm": network_readings.batch_norm,
    "cosine_similarity": network_readings.cosine_similarity,
    "full": _full,
    "sort": _sorted,
    **dict.fromkeys(("flip", "roll"), _moved),
    **dict.fromkeys(("transpose", "permute"), _transposed),
    "flatten": _flattened,
    "pad": _padded,
    **dict.fromkeys(("var", "std"), _spread),
    **dict.fromkeys(("clip", "clamp"), _clipped),
    **dict.fromkeys(_LOSSES, _loss),
    "norm": _norm,
    **dict.fromkeys(("softmax", "log_softmax"), _softmax),
    "gelu": _gelu,
    **dict.fromkeys(("max", "min"), _largest),
    **dict.fromkeys(("amax", "amin"), _largest_of_all),
    "take": _taken,
    "index_select": _selected,
    "log": _logarithm,
    "remainder": _remainder,
    **dict.fromkeys(("fmod", "rem"), _fmod),
    **dict.fromkeys(("div", "divide"), _divided),
    **dict.fromkeys(("hstack", "vstack"), _stacked_by_shape),
    "dot": _dot,
    **dict.fromkeys(("tril", "triu", "diag"), _with_diagonal),
    "einsum": _einsum,
    "hypot": _two,
    **WINDOW_READINGS,
    **SPECIAL_READINGS,
}

_OURS_ALONE = frozenset(READINGS) - {"clip", "transpose", "permute", "var", "std", "dot"}
"""Words of our own grammar too, where nothing says that they are a library's."""
