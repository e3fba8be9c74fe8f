"""Loops over rows as machine code, by LLVM: needs `pip install "backtrace-autodiff[compiled]"`.

What is compiled is our own list of operations, built step by step; no text is.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from backtrace.algebra.recorder import Column, Step, choose
from backtrace.errors import UsageError
from backtrace.language import tell

_SPEED = 3


class Loop(NamedTuple):
    """Steps of arithmetic, each with its number, done for every row: which columns they read and
    which they write, which of these are truths, and the places of all that are read or written."""

    steps: list[tuple[int, Step]]
    reads: list[int]
    writes: list[int]
    tests: set[int]
    places: list[int]


class Machine:
    """The loops, compiled for this processor."""

    def __init__(self, loops: Sequence[Loop]) -> None:
        llvm = _binding()
        machine = llvm.Target.from_default_triple().create_target_machine(
            cpu=llvm.get_host_cpu_name(),
            features=llvm.get_host_cpu_features().flatten(),
            opt=_SPEED,
        )
        module = llvm.parse_assembly(_module(loops))
        module.verify()
        options = llvm.create_pipeline_tuning_options(speed_level=_SPEED)
        options.loop_vectorization = True
        builder = llvm.create_pass_builder(machine, options)
        builder.getModulePassManager().run(module, builder)
        self._engine = llvm.create_mcjit_compiler(module, machine)
        self._engine.finalize_object()
        self._columns = [len(loop.places) for loop in loops]

    def function(self, number: int) -> Callable[..., None]:
        """The loop of this number: called with the addresses of its columns, those that are read
        before those that are written, and the number of rows."""
        kinds = [ctypes.c_void_p] * self._columns[number] + [ctypes.c_int64]
        address = self._engine.get_function_address(f"loop{number}")
        return ctypes.CFUNCTYPE(None, *kinds)(address)


def _binding() -> Any:
    try:
        import llvmlite.binding as llvm
    except ImportError:
        raise UsageError(
            tell("compiled loops are made by llvmlite, which is not installed"),
            hint='pip install "backtrace-autodiff[compiled]"',
        ) from None
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


def _module(loops: Sequence[Loop]) -> str:
    from llvmlite import ir

    module = ir.Module()
    for number, loop in enumerate(loops):
        _Writer(ir, module, f"loop{number}", loop)
    return str(module)


class _Writer:
    """One loop as LLVM's instructions."""

    def __init__(self, ir: Any, module: Any, name: str, loop: Loop) -> None:
        self.ir, self.module = ir, module
        self.real, self.truth = ir.DoubleType(), ir.IntType(1)
        byte, count = ir.IntType(8), ir.IntType(64)
        ends = [*loop.reads, *loop.writes]
        kinds = [(byte if o in loop.tests else self.real).as_pointer() for o in ends]
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), [*kinds, count]), name)
        for argument in function.args[:-1]:
            argument.add_attribute("noalias")
        columns = dict(zip(ends, function.args, strict=False))
        start, body, end = (
            function.append_basic_block(block) for block in ("start", "body", "end")
        )
        at = self.at = ir.IRBuilder(start)
        zero, rows = ir.Constant(count, 0), function.args[-1]
        at.cbranch(at.icmp_signed(">", rows, zero), body, end)
        at.position_at_end(body)
        row = at.phi(count)
        row.add_incoming(zero, start)
        self.values: dict[int, Any] = {o: self._read(at.gep(columns[o], [row])) for o in loop.reads}
        for k, step in loop.steps:
            operands = [self._operand(operand) for operand in step.operands]
            self.values[k] = ARITHMETIC[step.function](self, *operands)
        for k in loop.writes:
            value = (
                at.zext(self.values[k], byte) if k in loop.tests else self.number(self.values[k])
            )
            at.store(value, at.gep(columns[k], [row]))
        following = at.add(row, ir.Constant(count, 1))
        row.add_incoming(following, body)
        at.cbranch(at.icmp_signed("<", following, rows), body, end)
        at.position_at_end(end)
        at.ret_void()

    def _read(self, address: Any) -> Any:
        value = self.at.load(address)
        is_byte = value.type != self.real
        return self.at.icmp_unsigned("!=", value, value.type(0)) if is_byte else value

    def _operand(self, operand: Column | float) -> Any:
        if isinstance(operand, Column):
            return self.values[operand.number]
        return self.ir.Constant(self.real, operand)

    def number(self, value: Any) -> Any:
        """A truth as 1 or 0."""
        return value if value.type == self.real else self.at.uitofp(value, self.real)

    def condition(self, value: Any) -> Any:
        """A number as whether it is not 0."""
        if value.type == self.truth:
            return value
        return self.at.fcmp_unordered("!=", value, self.ir.Constant(self.real, 0.0))

    def called(self, name: str, value: Any) -> Any:
        function = self.module.declare_intrinsic(name, [self.real])
        return self.at.call(function, [self.number(value)])


_Made = Callable[..., Any]


def _plain(name: str) -> _Made:
    return lambda to, a, b: getattr(to.at, name)(to.number(a), to.number(b))


def _sum(to: _Writer, a: Any, b: Any) -> Any:
    """NumPy's sum of two truths is whether one of them is."""
    if a.type == b.type == to.truth:
        return to.at.or_(a, b)
    return to.at.fadd(to.number(a), to.number(b))


def _compared(sign: str) -> _Made:
    def made(to: _Writer, a: Any, b: Any) -> Any:
        kind = to.at.fcmp_unordered if sign == "!=" else to.at.fcmp_ordered
        return kind(sign, to.number(a), to.number(b))

    return made


def _larger(sign: str) -> _Made:
    """The first where it is larger or nan, else the second: as NumPy has it."""

    def made(to: _Writer, a: Any, b: Any) -> Any:
        a, b = to.number(a), to.number(b)
        is_first = to.at.or_(to.at.fcmp_ordered(sign, a, b), to.at.fcmp_unordered("uno", a, a))
        return to.at.select(is_first, a, b)

    return made


def _finite(to: _Writer, a: Any) -> Any:
    size = to.called("llvm.fabs", a)
    return to.at.fcmp_ordered("<", size, to.ir.Constant(to.real, math.inf))


def _sign(to: _Writer, a: Any) -> Any:
    a = to.number(a)
    zero = to.ir.Constant(to.real, 0.0)
    above, below = to.at.fcmp_ordered(">", a, zero), to.at.fcmp_ordered("<", a, zero)
    found = to.at.fsub(to.number(above), to.number(below))
    return to.at.select(to.at.fcmp_unordered("uno", a, a), a, found)


def _chosen(to: _Writer, condition: Any, a: Any, b: Any) -> Any:
    return to.at.select(to.condition(condition), to.number(a), to.number(b))


ARITHMETIC: Mapping[Any, _Made] = {
    np.add: _sum,
    np.subtract: _plain("fsub"),
    np.multiply: _plain("fmul"),
    np.divide: _plain("fdiv"),
    np.negative: lambda to, a: to.at.fneg(to.number(a)),
    np.square: lambda to, a: to.at.fmul(to.number(a), to.number(a)),
    np.maximum: _larger(">="),
    np.minimum: _larger("<="),
    np.absolute: lambda to, a: to.called("llvm.fabs", a),
    np.sqrt: lambda to, a: to.called("llvm.sqrt", a),
    np.floor: lambda to, a: to.called("llvm.floor", a),
    np.ceil: lambda to, a: to.called("llvm.ceil", a),
    np.sign: _sign,
    np.less: _compared("<"),
    np.less_equal: _compared("<="),
    np.greater: _compared(">"),
    np.greater_equal: _compared(">="),
    np.equal: _compared("=="),
    np.not_equal: _compared("!="),
    np.isfinite: _finite,
    np.logical_and: lambda to, a, b: to.at.and_(to.condition(a), to.condition(b)),
    np.logical_or: lambda to, a, b: to.at.or_(to.condition(a), to.condition(b)),
    choose: _chosen,
}
"""What is done in a loop: each with one rounding, the same as NumPy's."""
