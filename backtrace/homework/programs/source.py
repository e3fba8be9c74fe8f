"""A program as a Python file: forward, then a line for every gradient."""

from __future__ import annotations

from collections.abc import Mapping

from backtrace.homework.programs.program import Program, Value
from backtrace.language import tell
from backtrace.numbers import plain

BLANK = "..."


def source(program: Program, gradients: Mapping[str, str], remarks: Mapping[str, str] = {}) -> str:
    """The file's text; `gradients` are the right sides, and `remarks` what stands behind them."""
    lines = ["import numpy as np", ""]
    lines += [f"{name} = {_literal(value)}" for name, value in program.given.items()]
    lines += ["", tell("# forward pass"), *forward(program), "", tell("# backward pass")]
    lines.append(f"d{program.loss} = 1.0")
    for name, text in gradients.items():
        remark = remarks.get(name, "")
        lines.append(f"{name} = {text}" + f"  # {remark}" * bool(remark))
    return "\n".join(lines) + "\n"


def forward(program: Program) -> list[str]:
    return [f"{step.name} = {step.text}" for step in program.steps]


def _literal(value: Value) -> str:
    if isinstance(value, list):
        return f"np.array({value})"
    return repr(plain(value))
