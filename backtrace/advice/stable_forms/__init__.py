"""What to write instead where a number goes bad: tried, and told only if it helps.

A spelling that loses its way in 64 bits is found in the formula, the other is written in its place,
and the edited text is read and traced anew, like any other. It is a cure if the value and every
gradient are finite and agree with those of the formula as it was, worked out with many digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations, islice, pairwise
from typing import Any, NamedTuple

from backtrace.advice.stable_forms import overflow
from backtrace.advice.stable_forms.edits import Proposal, bracketed, proposals
from backtrace.advice.stable_forms.trial import Results, Setting, agree, entries, is_close
from backtrace.algebra import Algebra
from backtrace.algebra.values import is_finite, shape_of
from backtrace.errors import BacktraceError
from backtrace.formula.parser import parse_definitions
from backtrace.gates import GATES
from backtrace.graph import Graph
from backtrace.graph.backprop import Backward
from backtrace.graph.record import Fault, Granularity
from backtrace.language import tell, tell_many
from backtrace.numbers import number
from backtrace.rewrite import graph_of

_MOST_EDITS = 3  # told one by one
_MOST_PAIRS = 15
_LONGEST = 48  # characters of what was typed


class Outcome(NamedTuple):
    """What a cure gives, and what has to be said of it: the variables by which the function has no
    derivative there, and how far an epsilon moves it elsewhere."""

    results: Results
    without_slope: tuple[str, ...] = ()
    chosen: str = ""


def setting_of(
    formula: str,
    granularity: Granularity,
    graph: Graph,
    point: Mapping[str, Any],
    asked: Sequence[str],
    backward: Callable[..., Backward],
) -> Setting | None:
    """What is to be cured: the formula in our own grammar, where edits have their places. None
    where that is not the very graph."""
    if graph.read_as:
        formula = graph.read_as
        shapes = {name: shape_of(value) for name, value in point.items()}
        again, _ = graph_of(formula, shapes, granularity)
        if again != graph:
            return None
        graph = again
    return Setting(formula, granularity, graph, point, asked, backward)


def cured(fault: Fault, setting: Setting, values: Sequence[Any], m: Algebra) -> Fault:
    """The fault, with what was tried and helps; and, where a number is too large, with how large it
    is and what fits."""
    words = overflow.advice(setting, values, fault, m)
    return fault._replace(cure=cure(setting), advice=words or fault.advice)


def cure(setting: Setting) -> str:
    """The first of all tries that helps, in words; "" where none does."""
    for words, graph, chooses in _tries(setting):
        outcome = _outcome(setting, graph, chooses)
        if outcome is not None:
            return words + _told(setting, outcome)
    return ""


def cure_of_lost(setting: Setting, names: Sequence[str]) -> str:
    """The first that brings back the digits of these results ("": the value), in words."""
    only_value = ""
    for words, graph, chooses in _tries(setting):
        results = None if chooses else _finite(setting, graph)
        if results is None or setting.right is None:
            continue
        found, right = dict(results.all()), dict(setting.right.all())
        healed = [name for name in found if agree(found[name], right[name])]
        told = [
            tell("{called} is {shown}", called=_called(setting, name), shown=_shown(found[name]))
            for name in names
        ]
        if len(healed) == len(found):
            return tell("{words}: then {told}", words=words, told=", ".join(told))
        if "" in names and "" in healed and not only_value:
            still = [_called(setting, name) for name in found if name not in healed]
            only_value = tell_many(
                "{words}: then {told} ({still} still loses digits)",
                "{words}: then {told} ({still} still lose digits)",
                n=len(still),
                words=words,
                told=told[0],
                still=", ".join(still),
            )
    return only_value


def _tries(setting: Setting) -> Iterator[tuple[str, Graph, bool]]:
    """What to do in words, the graph that it makes, and whether it chooses a value."""
    fused = _fused(setting)
    if fused is not None:
        yield *fused, False
    found = list(proposals(setting.graph))
    for proposal in (*found, *islice(_in_pairs(found), _MOST_PAIRS)):
        made = _made(setting, proposal)
        if made is not None:
            yield *made, proposal.row.chooses


def _in_pairs(found: Sequence[Proposal]) -> Iterator[Proposal]:
    """Two rows in one text at once, where neither chooses a value and no edits overlap: a binary
    cross-entropy has log(sigmoid(z)) and log(1 - sigmoid(z))."""
    for one, other in combinations(found, 2):
        is_one_text = one.text == other.text and one.gate == other.gate
        if is_one_text and not (one.row.chooses or other.row.chooses):
            spans = sorted(edit.span for edit in (*one.edits, *other.edits))
            if all(before[1] <= after[0] for before, after in pairwise(spans)):
                yield one._replace(edits=tuple(sorted((*one.edits, *other.edits))))


def _fused(setting: Setting) -> tuple[str, Graph] | None:
    if setting.granularity.is_fused:
        return None
    granularity = setting.granularity._replace(is_fused=True, fuse=None)
    try:
        graph, groups = graph_of(setting.formula, setting.shapes, granularity)
    except BacktraceError:
        return None
    names = ", ".join(
        dict.fromkeys(GATES[g.gate].word if g.gate in GATES else g.gate for g in groups)
    )
    return (tell("--fuse makes {names} of it", names=names), graph) if groups else None


def _made(setting: Setting, proposal: Proposal) -> tuple[str, Graph] | None:
    """The proposal's words, and the graph of the text that it makes; None where that cannot be
    read."""
    given = setting.granularity.gates
    in_formula = proposal.text == setting.formula
    if not in_formula and proposal.text != given:
        return None
    try:
        if in_formula:
            own = parse_definitions(given) if given else {}
            proposal = bracketed(proposal, tuple(setting.point), own)
            return _words(proposal), setting.read(proposal.edited, setting.granularity)
        proposal = bracketed(proposal, (), {})
        granularity = setting.granularity._replace(gates=proposal.edited)
        return _words(proposal), setting.read(setting.formula, granularity)
    except BacktraceError:
        return None


def _words(proposal: Proposal) -> str:
    pairs = dict.fromkeys((edit.before, edit.after) for edit in proposal.edits)
    told = [
        tell("{before} as {after}", before=before, after=after)
        for before, after in list(pairs)[:_MOST_EDITS]
    ]
    more = (
        tell(" (and {count} more like it)", count=len(pairs) - _MOST_EDITS)
        if len(pairs) > _MOST_EDITS
        else ""
    )
    where = tell("in {gate} ", gate=proposal.gate) if proposal.gate else ""
    return tell("{where}write {told}{more}", where=where, told=", and ".join(told), more=more)


def _outcome(setting: Setting, graph: Graph, chooses: bool) -> Outcome | None:
    """What a graph gives in place of the setting's, if it is right; None where it is not."""
    results = _finite(setting, graph)
    right = None if results is None else setting.right
    if results is None or right is None:
        return None
    known = {name: value for name, value in right.all() if is_finite(value)}
    if not all(agree(result, known[name]) for name, result in results.all() if name in known):
        return None
    if len(known) == len(results.gradients) + 1:
        return Outcome(results)
    return _limiting(setting, graph, results, known, chooses)


def _finite(setting: Setting, graph: Graph) -> Results | None:
    """What floats give, where all of it is finite."""
    try:
        results = setting.floats(graph)
    except (ArithmeticError, ValueError):
        return None
    is_good = results is not None and all(is_finite(result) for _, result in results.all())
    return results if is_good else None


def _called(setting: Setting, name: str) -> str:
    output = setting.graph.output_name
    return f"∂{output}/∂{name}" if name else output


def _limiting(
    setting: Setting, graph: Graph, results: Results, known: dict[str, Any], chooses: bool
) -> Outcome | None:
    """The same where the function has no value, or no slope, at the point itself."""
    without, value = [], ""
    for name, result in results.all():
        if name in known:
            continue
        around = [dict(near.all())[name] for near in setting.nearby]
        around = [other for other in around if is_finite(other)]
        if around and all(is_close(result, other) for other in around):
            continue
        if name == "":
            if not chooses:
                return None
            value = _chosen(setting, graph)
            if not value:
                return None
        elif len(around) > 1 and all(is_close(around[0], other) for other in around[1:]):
            return None  # it has a slope, and it is another
        else:
            without.append(name)
    return Outcome(results, tuple(without), value)


def _chosen(setting: Setting, graph: Graph) -> str:
    """How a row that chooses moves the function elsewhere, in words; "" where it is another."""
    worst, compared = 0.0, 0
    for before, after in setting.elsewhere(graph):
        some, others = entries(before.value), entries(after.value)
        if len(some) != len(others) or not all(is_finite(v) for v in (*some, *others)):
            continue
        compared += 1
        scale = max(map(abs, some), default=0.0)
        largest = max((abs(a - b) for a, b in zip(some, others, strict=True)), default=0.0)
        worst = max(worst, largest / (scale or 1.0))
    if not compared or worst > 1e-2:
        return ""
    return tell("no value is right there") + (
        tell("; elsewhere it moves by {worst:.0e}", worst=worst) if worst else ""
    )


def _told(setting: Setting, outcome: Outcome) -> str:
    value, gradients = outcome.results
    if outcome.chosen:
        return tell(": then it is {shown} ({chosen})", shown=_shown(value), chosen=outcome.chosen)
    if not outcome.without_slope:
        return tell(": then it is {shown}, and all gradients finite", shown=_shown(value))
    without = outcome.without_slope
    taken = [
        tell("{called} set to {shown}", called=_called(setting, n), shown=_shown(gradients[n]))
        for n in without
    ]
    return tell(
        ": then it is {shown}; no derivative, {taken}", shown=_shown(value), taken=", ".join(taken)
    )


def _shown(value: Any) -> str:
    if not shape_of(value):
        return number(value)
    shown = [number(entry) for entry in entries(value)[:4]]
    return f"[{', '.join(shown)}{', ...' if len(entries(value)) > 4 else ''}]"


__all__ = ["Setting", "cure", "cure_of_lost", "cured"]
