"""Calls of torch.nn.functional whose arguments stand in another order than our gates', or mean more
than these: normalizations and the losses that are one gate."""

from __future__ import annotations

import re

from backtrace.formula.calls import TRUE, Call, Tokens, is_whole, split, written
from backtrace.formula.token import NUMBER
from backtrace.language import tell


def huber_loss(call: Call) -> Tokens:
    """PyTorch's third argument is the reduction."""
    reduction = call.argument(2, "reduction")
    delta = call.take("delta", "beta")
    if call.name.text == "smooth_l1_loss" and delta is not None and written(delta) not in _ONE:
        hint = tell("write huber(p, t, delta=b)/b")
        raise call.error(tell("smooth_l1_loss divides by its beta"), hint, delta)
    for word, value in (("delta", delta), ("reduction", reduction)):
        if value is not None:
            call.with_keyword(word, value)
    return call.plain("huber")


_ONE = ("1", "1.0", "1.")


def _along_last(call: Call, shape: Tokens | None) -> None:
    """normalized_shape says how many of the last axes."""
    words = "" if shape is None else written(shape)
    if is_whole(shape) or re.fullmatch(r"[\[(]\d+,?[\])]", words):
        return
    if shape is None or not re.fullmatch(r"[\[(]\d+(,\d+)+,?[\])]", words):
        what = tell("normalized_shape is the lengths of the last axes")
        raise call.error(
            what, tell("F.{text}(x, (4,)), or axis=-1 without F", text=call.name.text), shape
        )
    count = len(split(shape[1:-1]))
    axes = "(" + ",".join(str(k) for k in range(-count, 0)) + ")"
    place = shape[0]
    call.with_keyword("axis", [place._replace(kind=kind, text=text) for kind, text in _parts(axes)])


def _parts(text: str) -> list[tuple[str, str]]:
    return [(NUMBER if p.isdigit() else p, p) for p in re.findall(r"\d+|\S", text)]


def layer_norm(call: Call) -> Tokens:
    """Of PyTorch, whose second argument is a shape; rms_norm too."""
    if not call.is_torch:
        raise call.error(
            tell("'{text}' is PyTorch's or ours", text=call.name.text),
            f"F.{call.name.text}(x, (4,))",
        )
    is_rms = call.name.text == "rms_norm"
    eps = call.argument(3 if is_rms else 4, "eps")
    bias = None if is_rms else call.argument(3, "bias")
    weight = call.argument(2, "weight")
    _along_last(call, call.argument(1, "normalized_shape"))
    if is_rms and eps is None:
        what = tell("without eps it is that of the kind of float: 1e-7 of 32 bits, 2e-16 of 64")
        raise call.error(what, tell("write eps=1e-6"))
    return _with_operands(call, weight, bias, eps)


def _with_operands(
    call: Call, weight: Tokens | None, bias: Tokens | None, eps: Tokens | None
) -> Tokens:
    for word, value in (("g", weight), ("b", bias), ("eps", eps)):
        if value is not None:
            call.named = {**call.named, word: value}
    return call.plain()


def batch_norm(call: Call) -> Tokens:
    """That of training alone, which leaves running statistics aside."""
    if not call.is_torch:
        raise call.error(
            tell("'batch_norm' is PyTorch's or ours"), "F.batch_norm(x, None, None, ...)"
        )
    eps = call.argument(7, "eps")
    call.argument(6, "momentum")
    training = call.argument(5, "training")
    bias = call.argument(4, "bias")
    weight = call.argument(3, "weight")
    for place, word in ((2, "running_var"), (1, "running_mean")):
        call.argument(place, word)
    if training is None or written(training) not in TRUE:
        what = tell("batch_norm by running statistics is no batch norm of this batch")
        raise call.error(what, tell("training=True is read; else (x - m)/sqrt(v + 1e-5)*g + b"))
    return _with_operands(call, weight, bias, eps)


def cosine_similarity(call: Call) -> Tokens:
    """Along axis 1, unless PyTorch is told another."""
    eps = call.argument(3, "eps")
    axis = call.argument(2, "dim", "axis")
    if axis is None and not call.is_torch:
        raise call.error(
            tell("along which axis?"), tell("cosine_similarity(x, y) is along the last")
        )
    call.with_keyword("axis", axis if axis is not None else "1")
    if eps is not None:
        call.with_keyword("eps", eps)
    return call.plain()
