"""What people write, read once: text -> Graph.

    read("(x+y)*z", {"x": (), "y": (), "z": ()})

`parser` makes the graph as it is written; where arrays are given, `shapes` gives its signs the
meaning that they have there, and every node its shape. What comes after (`rewrite`, the passes)
works on the graph alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from backtrace.gates.shapes import Shape
from backtrace.graph import Graph
from backtrace.language import tell


def read(text: str, shapes: Mapping[str, Shape], definitions: str = "") -> Graph:
    """A formula's graph, given the shape of every value that is known (numbers have (), and a name
    that is missing stays open); `definitions` are gates that it may use beside the table's.

    Raises FormulaError, with the place.
    """
    from backtrace.formula.parser import parse, parse_definitions
    from backtrace.formula.shapes import with_shapes
    from backtrace.graph.shapes import is_of_numbers

    graph = parse(text, shapes, parse_definitions(definitions))
    is_known = graph.inputs.keys() <= shapes.keys()
    if is_known and not is_of_numbers(graph, shapes):
        graph = with_shapes(graph, shapes)
    if is_known and graph.summed:
        from backtrace.formula.latex.sums import refuse_stages

        refuse_stages(graph)
    return _told(graph) if graph.read_as else graph


def _told(graph: Graph) -> Graph:
    """The graph with how it was read, now that the meaning of its signs is settled."""
    from backtrace.formula.printer import with_definitions
    from backtrace.graph.record import READ_AS, is_read_as

    read_as = with_definitions(graph)
    readings = tuple(r for r in graph.readings if not is_read_as(r))
    return replace(graph, read_as=read_as, readings=(tell(READ_AS, formula=read_as), *readings))
