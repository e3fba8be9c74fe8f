"""Submissions in JSON: answers by problem under "answers", or at the top, in a list or a line each.

    {"student": "ada", "answers": {"p1": {"dx": -4}}}       {"p1": {"dx": -4}, "p2.dy": 3}
    {"student": "ada", "problem": "p1", "answers": {"dx": -4}}

Where there is one problem, {"dx": -4} will do. Numbers are kept as they were written.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping
from typing import Any

from backtrace.errors import visible
from backtrace.homework.answers import once
from backtrace.homework.submissions.cells import Signs, as_typed
from backtrace.homework.submissions.headings import WORDS, Headings, listed
from backtrace.homework.submissions.sheets import words_of
from backtrace.homework.submissions.submission import (
    LONGEST_NAME,
    Broken,
    Submission,
    made,
    name_of,
    refused,
    short,
)
from backtrace.language import tell

_MOST_NOTED = 3


def json_of(data: bytes) -> Any:
    """Numbers as texts, so that their digits are kept. Raises Broken."""
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return json.loads(
            data.decode("utf-16" if wide else "utf-8-sig"),
            parse_float=str,
            parse_int=str,
            parse_constant=str,
            object_pairs_hook=once,
        )
    except UnicodeDecodeError as error:
        what = tell("byte {start} is 0x{data:02x}", start=error.start, data=data[error.start])
        raise Broken(
            tell("not {encoding} text: {what}", encoding=error.encoding.upper(), what=what)
        ) from None
    except RecursionError:
        raise Broken(tell("not JSON that can be read: too deep")) from None
    except ValueError as error:
        raise Broken(tell("not JSON: {error}", error=error)) from None


def submission_of(entry: Submission | Mapping[str, Any], headings: Headings) -> Submission:
    """From Python: {"student": ..., "answers": ...}."""
    if isinstance(entry, Submission):
        return entry
    return from_object(entry, headings, "", "?")


def from_object(entry: Any, headings: Headings, source: str, default: str) -> Submission:
    """One object's submission; refused with the student's name, where it has one."""
    if not isinstance(entry, dict):
        return refused(default, source, tell("no object with a student and answers"))
    entry = {headings.renamed(str(key)): value for key, value in entry.items()}
    student = name_of(entry.get("student", entry.get("name") if "answer" not in entry else None))
    try:
        answers, reasons, notes = _answers_of(entry, headings)
    except Broken as broken:
        return refused(student or default, source, broken)
    found = made(student or default, source, answers, reasons)
    where = f"{source}: " if source else ""
    said = tuple(f"{where}{note}" for note in notes)
    return Submission(found.student, source, found.answers, found.reasons, said)


_Found = tuple[dict[str, Mapping[str, Any]], list[str], list[str]]


def _answers_of(entry: dict[str, Any], headings: Headings) -> _Found:
    """Answers, reasons and notes. Raises Broken where there are no answers."""
    rest = {key: value for key, value in entry.items() if key not in WORDS and key}
    tops = {key: value for key, value in rest.items() if _is_answers(key, value, headings)}
    if "answers" in entry:
        if tops and headings.due():
            raise Broken(
                tell(
                    "answers under 'answers', and at the top too: {listed}",
                    listed=listed(list(tops)),
                )
            )
        answers = entry["answers"]
        if isinstance(answers, str) and "problem" in entry:
            answers = words_of(answers)
        if not isinstance(answers, dict):
            raise Broken(tell("'answers' is no object: {due}", due=_due(headings)))
        tops = answers
    elif "problem" in entry and "value" in entry and isinstance(entry.get("answer"), str):
        tops = {entry["answer"]: entry["value"]}
    elif not tops:
        has = tell("it has {listed}", listed=listed(list(entry))) if entry else tell("it is empty")
        raise Broken(tell("no 'answers' in it: {has}; {due}", has=has, due=_due(headings)))
    if "problem" in entry:
        id = headings.problem(str(entry["problem"])) or str(entry["problem"])
        tops = {id: tops}
    strange = [key for key in rest if "answers" in entry or key not in tops]
    notes = (
        [tell("{listed} means nothing here", listed=listed(strange[:_MOST_NOTED]))]
        if strange
        else []
    )
    return *_by_problem(tops, headings), notes


def _is_answers(key: str, value: Any, headings: Headings) -> bool:
    """Whether a key at the top is a problem's id, or an answer's name."""
    if isinstance(value, dict):
        return headings.problem(key) is not None
    return headings.place(key) is not None


def _by_problem(
    answers: Mapping[str, Any], headings: Headings
) -> tuple[dict[str, Mapping[str, Any]], list[str]]:
    """By problem and name, and what is neither."""
    found: dict[str, dict[str, Any]] = {}
    reasons = []
    for key, value in answers.items():
        id = headings.problem(str(key))
        place = None if isinstance(value, dict) else headings.place(str(key))
        if isinstance(value, dict):
            named = {_name(headings, id, str(name)): text for name, text in value.items()}
            known = id or str(key)
        elif place is not None:
            known, named = place[0], {place[1]: value}
        else:
            reasons.append(_neither(str(key), id, headings))
            continue
        for name, text in named.items():
            if name in found.setdefault(known, {}):
                reasons.append(
                    tell(
                        "{known} {short} is answered twice", known=visible(known), short=short(name)
                    )
                )
                continue
            found[known][name] = as_typed(text, Signs())
        found.setdefault(known, {})
    return dict(found), reasons


def _name(headings: Headings, id: str | None, name: str) -> str:
    return (headings.name(id, name) if id is not None else None) or name


def _neither(key: str, id: str | None, headings: Headings) -> str:
    """Why a key is neither a problem with its answers nor an answer."""
    if id is None and (meant := headings.meant(key)):
        return tell("{short} names no problem: {meant} is due", short=short(key), meant=meant)
    return tell("the answers to {key} are no object", key=visible(key)[:LONGEST_NAME])


def _due(headings: Headings) -> str:
    due = headings.due() or ["p1.dx"]
    id, _, name = due[0].rpartition(".")
    return tell('due is {{"answers": {{"{id}": {{"{name}": ...}}}}}}', id=visible(id), name=name)
