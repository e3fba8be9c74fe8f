"""Nodes and edges as lines of JSON: of numbers alone, of which there may be very many, at once; of
arrays as the objects that they are, in pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

from backtrace.formula.printer import expressions, label
from backtrace.gates import Gate
from backtrace.graph.record import Record
from backtrace.numbers import json_encoder, shown_signs
from backtrace.render._json_objects import edge_objects, gate_object, node_objects, with_plain
from backtrace.render._json_text import number_texts, object_writer

Line = str | Iterator[str]
_Pieces = Callable[[Any], Iterator[str]]


def node_lines(record: Record, pieces: _Pieces) -> Iterator[Line]:
    """Every node's line, or its pieces."""
    exact = any(w.kind == "exact" for w in record.asked.wordings)
    if record.has_arrays or not record.has_point or record.lines or exact:
        return (pieces(with_plain(node)) for node in node_objects(record))
    return _node_lines(record)


def edge_lines(record: Record, pieces: _Pieces) -> Iterator[Line]:
    """Every edge's line, or its pieces."""
    if record.has_arrays or not record.has_point:
        return (pieces(with_plain(edge)) for edge in edge_objects(record))
    return _edge_lines(record)


def _edge_lines(record: Record) -> Iterator[str]:
    """`edge_objects` of numbers alone, of which there may be very many, each as its line."""
    upstreams = number_texts(record.upstreams)
    locals_ = number_texts(chain.from_iterable(record.locals))
    downstreams = number_texts(chain.from_iterable(record.downstreams))
    for gate, (inputs, upstream) in enumerate(zip(record.graph.inputs_of, upstreams, strict=True)):
        before = f'{{"gate": {gate}, "input": '
        for operand, source in enumerate(inputs):
            yield (
                f'{before}{source}, "operand": {operand}, "upstream": {upstream}, '
                f'"local": {next(locals_)}, "downstream": {next(downstreams)}}}'
            )


def _node_lines(record: Record) -> Iterator[str]:
    """`node_objects` of numbers alone, each as its line; what two gates have alike (the gate, its
    label and role) is written once."""
    texts = expressions(record.graph)
    encode = json_encoder(None)
    line = object_writer(encode)
    alike: dict[Gate, str] = {}
    values, gradients = number_texts(record.values), number_texts(record.upstreams)
    for index, node in enumerate(record.graph.nodes):
        gate, inputs = node.gate, record.graph.inputs_of[index]
        if gate is None or len(inputs) < len(node.operands):
            before = line(gate_object(record, index, node, texts[index]))[:-1]
        else:
            if gate not in alike:
                whole = {"gate": gate.name, "label": label(node), "role": gate.role.value}
                alike[gate] = line(whole)[1:-1]
            name = encode(node.name) if node.name else "null"
            before = shown_signs(
                f'{{"id": {index}, "kind": "gate", {alike[gate]}, "name": {name}, '
                f'"expr": {encode(texts[index])}, "span": {list(node.span)}, '
                f'"inputs": {list(inputs)}'
            )
        yield f'{before}, "value": {next(values)}, "gradient": {next(gradients)}}}'
