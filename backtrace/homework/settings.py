"""What a table of TOML holds, or a UsageError that says where it holds something else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backtrace.errors import UsageError, near_misses
from backtrace.language import tell


def refuse_unknown(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in known:
            near = near_misses(key, list(known))
            hint = (
                tell("did you mean {near}?", near=near[0])
                if near
                else tell("there are {known}", known=", ".join(known))
            )
            raise UsageError(
                tell("{where} has '{key}', which means nothing here", where=where, key=key),
                hint=hint,
            )


def typed(kind: type, table: Mapping[str, Any], key: str, default: Any, where: str) -> Any:
    """What a key holds, which is of this kind; without a default it has to be there."""
    value = table.get(key, default)
    if value is None:
        raise UsageError(tell("{where} has no {key}", where=where, key=key))
    if not isinstance(value, kind):
        words = {"str": tell("a text"), "dict": tell("a table"), "list": tell("a list")}[
            kind.__name__
        ]
        raise UsageError(
            tell(
                "{where}: {key} is {words}, not {value!r}",
                where=where,
                key=key,
                words=words,
                value=value,
            )
        )
    return value


def amount(value: Any, where: str, what: str) -> float:
    """A number from 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise UsageError(
            tell(
                "{where}: {what} are numbers from 0, not {value!r}",
                where=where,
                what=what,
                value=value,
            )
        )
    return float(value)


def share(table: Mapping[str, Any], key: str, default: float, where: str) -> float:
    """A number between 0 and 1."""
    value = amount(table.get(key, default), where, key)
    if value > 1:
        raise UsageError(
            tell(
                "{where}: {key} is between 0 and 1, not {value}", where=where, key=key, value=value
            )
        )
    return value
