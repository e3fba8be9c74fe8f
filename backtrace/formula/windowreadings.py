"""PyTorch's convolutions, pooling and attention in our own words: F.conv2d, F.max_pool2d,
F.scaled_dot_product_attention."""

from __future__ import annotations

from collections.abc import Callable

from backtrace.formula.calls import FALSE, TRUE, Call, Tokens, bracketed, split, written
from backtrace.formula.token import NAME, NUMBER, Token
from backtrace.language import tell, tell_many

Reading = Callable[[Call], Tokens]
_AXES = 2
"""Along how many axes our own pooling goes where its size is one number."""


def _only(call: Call, place: int, word: str, meant: tuple[str, ...], hint: str = "") -> None:
    """An argument that may be said as long as it changes nothing."""
    given = call.argument(place, word)
    if given is not None and written(given) not in meant:
        what = tell(
            "{text} with {word}={written} is not read",
            text=call.name.text,
            word=word,
            written=written(given),
        )
        raise call.error(what, hint or tell("{word}={meant} is", word=word, meant=meant[0]), given)


def _refuse_others(call: Call) -> None:
    """Words that only PyTorch has."""
    if call.is_numpy:
        raise call.error(
            tell("'{base}.{text}' is not read", base=call.base, text=call.name.text),
            tell("F.conv2d, F.max_pool2d are"),
        )


def _convolved(call: Call) -> Tokens:
    _refuse_others(call)
    arrays = [call.argument(0, "input"), call.argument(0, "weight"), call.argument(0, "bias")]
    told = {"stride": call.argument(0, "stride"), "padding": call.argument(0, "padding")}
    _only(call, 0, "dilation", ("1",))
    _only(call, 0, "groups", ("1",))
    if None in arrays[:2] or call.free:
        raise call.error(
            tell("{text} takes x, w and a bias", text=call.name.text), "F.conv2d(x, w, b, stride=2)"
        )
    padding = told["padding"]
    if padding is not None and written(padding) == '"valid"':
        told["padding"] = None
    elif padding is not None and written(padding) == '"same"':
        hint = tell("padding=1 keeps the lengths where windows are 3 long and the stride is 1")
        raise call.error(tell("padding is said in numbers"), hint, padding)
    call.free = [array for array in arrays if array is not None]
    for word, value in told.items():
        if value is not None:
            call.with_keyword(word, value)
    return call.plain()


def _pooled(axes: int, name: str) -> Reading:
    def read(call: Call) -> Tokens:
        _refuse_others(call)
        x, size = call.argument(0, "input"), call.argument(0, "kernel_size")
        stride, padding = call.argument(0, "stride"), call.argument(0, "padding")
        if name == "max_pool":
            _only(call, 0, "dilation", ("1",))
            _only(call, 0, "ceil_mode", FALSE)
            _only(call, 0, "return_indices", FALSE)
        else:
            _only(call, 0, "ceil_mode", FALSE)
            _only(call, 0, "count_include_pad", TRUE)
            _only(call, 0, "divisor_override", ("None",))
        if x is None or size is None or call.free:
            hint = f"F.{call.name.text}(x, 2)"
            raise call.error(
                tell("{text} takes x and how long a window is", text=call.name.text), hint
            )
        call.free = [x, _for_each(call, size, axes)]
        for word, value in (("stride", stride), ("padding", padding)):
            if value is not None:
                call.with_keyword(word, value)
        return call.plain(name)

    return read


def _for_each(call: Call, size: Tokens, axes: int) -> Tokens:
    """The size in brackets: how many there are says along how many axes windows slide. PyTorch
    takes one number for all of them, in brackets or not."""
    opened = bracketed(size)
    lengths = split(opened[1:-1]) if opened[0].kind == "(" else [size]
    if len(lengths) == 1 and axes == _AXES:
        return lengths[0]
    lengths = lengths * axes if len(lengths) == 1 else lengths
    if len(lengths) != axes:
        what = tell_many(
            "{text} slides windows along {n} axis",
            "{text} slides windows along {n} axes",
            n=axes,
            text=call.name.text,
        )
        raise call.error(what, f"F.{call.name.text}(x, 2)", size)
    start, end = size[0].start, size[-1].end
    comma = Token(",", ",", end, end)
    inner = [token for length in lengths for token in (*length, comma)]
    return [Token("(", "(", start, start), *inner, Token(")", ")", end, end)]


def _in_two_ways(call: Call) -> Tokens:
    """Flax has channels last."""
    if call.is_theirs:
        hint = tell("{text}(x, 2) has channels first; F.{text}2d is PyTorch's", text=call.name.text)
        raise call.error(tell("'{text}' of a library is not read", text=call.name.text), hint)
    return call.plain()


_COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")


def _as_number(condition: Tokens) -> Tokens:
    """where(condition, 1, 0)"""
    start, end = condition[0].start, condition[-1].end
    comma = Token(",", ",", end, end)
    one, none = (Token(NUMBER, text, end, end) for text in "10")
    opened, closed = Token("(", "(", start, start), Token(")", ")", end, end)
    return [Token(NAME, "where", start, start), opened, *condition, comma, one, comma, none, closed]


def _attended(call: Call) -> Tokens:
    arrays = [call.argument(0, word) for word in ("query", "key", "value")]
    mask = call.argument(0, "attn_mask")
    if mask is not None and not any(token.text in _COMPARISONS for token in mask):
        hint = tell(
            "attn_mask=M > 0 chooses; softmax(Q@K.T/sqrt(64) + M)@V adds, with 64 for its length"
        )
        raise call.error(tell("a mask is added to the scores, or chooses among them"), hint, mask)
    _only(call, 0, "dropout_p", ("0", "0.0", "0."))
    causal = call.argument(0, "is_causal")
    hint = "softmax(Q@K.T*scale)@V"
    if causal is not None and written(causal) not in (*TRUE, *FALSE):
        raise call.error(tell("is_causal is True or False"), "", causal)
    _only(call, 0, "scale", ("None",), hint)
    _only(call, 0, "enable_gqa", FALSE)
    if None in arrays or call.free:
        raise call.error(
            tell("{text} takes three arrays", text=call.name.text), f"F.{call.name.text}(Q, K, V)"
        )
    call.free = [array for array in arrays if array is not None]
    if mask is not None:
        call.free.append(_as_number(mask))
    if causal is not None and written(causal) in TRUE:
        call.with_keyword("causal", "1")
    return call.plain("attention")


WINDOW_READINGS: dict[str, Reading] = {
    **dict.fromkeys(("conv1d", "conv2d"), _convolved),
    **dict.fromkeys(("max_pool", "avg_pool"), _in_two_ways),
    "scaled_dot_product_attention": _attended,
    **{f"{name}{n}d": _pooled(n, name) for name in ("max_pool", "avg_pool") for n in (1, 2)},
}
