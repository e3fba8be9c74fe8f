"""What to practise next: an exercise of the gates that went wrong; something larger where nothing
did; the same again where nothing was answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backtrace.errors import BacktraceError
from backtrace.homework.exercise import MOST_GATES, exercise, known_gates, room_for_forks
from backtrace.homework.practice.quiz import AT_ONCE, OPEN, Quiz, Turn

_LADDER = ("add", "mul", "max", "sigmoid", "exp", "div", "tanh", "ln")
"""Gates in the order in which a lecture has them."""
_LEVELS = {
    **dict.fromkeys(("matmul", "affine", "relu_layer", "dot", "outer", "transpose", "sum"), 3),
    **dict.fromkeys(("softmax", "cross_entropy", "log_softmax", "pick", "lookup", "index"), 4),
    **dict.fromkeys(("mean", "var", "std", "norm", "batch_norm", "layer_norm"), 5),
}
"""The exercise in code where a gate of arrays is met."""
_MOST = 4


def next_words(quizzes: Sequence[Quiz], again: Sequence[str], seed: int) -> list[str]:
    """The words after `backtrace quiz`: what can be typed, and is there."""
    turns = [(quiz, turn) for quiz in quizzes for turn in quiz.turns if turn.outcome != OPEN]
    if not turns:
        return list(again)
    weak = [name for quiz, turn in turns for name in _weak(quiz, turn)]
    if weak:
        return _of_gates(weak, seed) or list(again)
    if len(turns) < sum(len(quiz.turns) for quiz in quizzes):
        return list(again)
    names = [name for quiz, turn in turns for name in _names(quiz, _gates_of(quiz, turn))]
    return _larger(list(dict.fromkeys(names)), seed) or list(again)


def _gates_of(quiz: Quiz, turn: Turn) -> list[int]:
    """The gates that an ask is about."""
    if not turn.ask.is_gradient:
        return [turn.ask.node]
    return [gate for gate, _ in quiz.problem.record.graph.consumers[turn.ask.node]]


def _names(quiz: Quiz, gates: Sequence[int]) -> list[str]:
    found = [quiz.problem.record.graph.nodes[index].gate for index in gates]
    return [gate.name for gate in found if gate is not None]


def _weak(quiz: Quiz, turn: Turn) -> Iterator[str]:
    """The gates of what was not right at once, those of slips twice; "fork" for a branch."""
    if turn.outcome == AT_ONCE:
        return
    first = [judged.fits[0] for judged in turn.tries if judged.fits]
    gates = [fit.gate for fit in first] * 2 or _gates_of(quiz, turn)
    if any(fit.code == "fork-lost" for fit in first) or (not first and len(gates) > 1):
        yield "fork"
    yield from _names(quiz, gates)


def _of_gates(weak: list[str], seed: int) -> list[str]:
    """An exercise of the gates that went wrong most often, with one more to stand in."""
    names = sorted(dict.fromkeys(weak), key=lambda name: -weak.count(name))
    forks = int("fork" in names)
    if names[0] in _LEVELS:
        return ["--level", str(_LEVELS[names[0]]), "--seed", str(seed)]
    possible = [name for name in names if _is_possible(name)][:_MOST]
    if not possible and not forks:
        return []
    chosen = possible + [name for name in _LADDER if name not in possible][: max(1, forks)]
    return _tried(chosen, forks, seed)


def _larger(names: list[str], seed: int) -> list[str]:
    levels = [_LEVELS[name] for name in names if name in _LEVELS]
    if levels:
        return ["--level", str(min(5, max(levels) + 1)), "--seed", str(seed)]
    possible = [name for name in names if _is_possible(name)][: MOST_GATES // 2]
    fresh = [name for name in _LADDER if name not in possible][:1] or ["mul"]
    return _tried([*possible[: 2 * _MOST], *fresh], 1, seed)


def _tried(names: list[str], forks: int, seed: int) -> list[str]:
    """With the first seed from which there is such an exercise; nothing where there is none."""
    forks = min(forks, room_for_forks(known_gates(names)))
    for turn in range(seed, seed + 3):
        try:
            exercise(names, forks, str(turn))
        except BacktraceError:
            continue
        words = ["--gates", ",".join(names)]
        return [*words, *(["--forks", str(forks)] if forks else []), "--seed", str(turn)]
    return []


def _is_possible(name: str) -> bool:
    try:
        return bool(known_gates([name]))
    except BacktraceError:
        return False
