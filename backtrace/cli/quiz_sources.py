"""What a quiz is of: a formula, code, an exercise that is made for it, or the problems of an
assignment."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from backtrace.cli.groups import names_in
from backtrace.cli.source import DECLARED, code_at, formula_and_values, read_file, result_named
from backtrace.cli.words import EVERYTHING
from backtrace.errors import BacktraceError, UsageError
from backtrace.language import tell

if TYPE_CHECKING:
    from backtrace.formula.point import Given
    from backtrace.graph.record import Granularity
    from backtrace.homework.practice import Quiz
    from backtrace.homework.problem import Problem

_ASSIGNMENT = ".toml"


class Source(NamedTuple):
    """The words and the options, as they were typed."""

    words: tuple[str, ...]
    file: str | None
    of: str | None
    fuse: str | None
    expand: bool
    ask: str
    gates: str | None
    forks: int | None
    level: int | None
    seed: str

    def quizzes(self) -> tuple[list[Quiz], list[str]]:
        """One quiz, or one for each problem; and what is to be said first."""
        from backtrace.homework.practice import Quiz

        if not self.words and self.file is None:
            self._refuse(of=self.of, fuse=self.fuse, expand=self.expand or None)
            return [Quiz(self._made(), self.ask)], []
        self._refuse(gates=self.gates, forks=self.forks, level=self.level)
        if self.words and self.file is None and self.words[0].endswith(_ASSIGNMENT):
            return self._of_assignment(self.words[0], self.words[1:])
        code = self._code()
        if code is not None:
            return [Quiz(*self._of_code(*code))], []
        return [Quiz(self._of_formula(), self.ask)], []

    @property
    def again(self) -> list[str]:
        """The words after `backtrace quiz`, once more."""
        options = {
            "--file": self.file,
            "--of": self.of,
            "--gates": self.gates,
            "--forks": self.forks,
            "--level": self.level,
            "--ask": self.ask if self.ask != "all" else None,
            "--seed": self.seed if self.seed != "0" else None,
        }
        words = [*self.words]
        for name, value in options.items():
            words += [name, str(value)] if value is not None else []
        if self.fuse is not None:
            words.append("--fuse" if self.fuse == EVERYTHING else f"--fuse={self.fuse}")
        return words + ["--expand"] * self.expand

    @property
    def next_seed(self) -> int:
        return int(self.seed) + 1 if self._is_number else 1

    @property
    def _is_number(self) -> bool:
        return self.seed.isdecimal() and self.seed.isascii() and len(self.seed) < 10

    @property
    def _seed(self) -> int:
        """The seed as a number: that of a name is made of its letters."""
        if self._is_number:
            return int(self.seed)
        digest = hashlib.sha256(self.seed.encode("utf-8", "replace")).digest()
        return int.from_bytes(digest[:4], "big")

    def _refuse(self, **options: object) -> None:
        for name, value in options.items():
            if value is None:
                continue
            if name in ("gates", "forks", "level"):
                what = tell("--{name} makes a formula, and here is one", name=name)
                raise UsageError(
                    what, hint=tell("leave it out, or the words before --{name}", name=name)
                )
            raise UsageError(tell("--{name} is for a formula, and here is none", name=name))

    def _made(self) -> Problem:
        """An exercise of gates, or the formula of one in code."""
        from backtrace.formula.point import read_mapping
        from backtrace.graph.record import Granularity
        from backtrace.homework.problem import problem_of

        if self.level is None:
            from backtrace.homework.exercise import exercise

            names = names_in("add,mul" if self.gates is None else self.gates)
            trace = exercise(names, self.forks or 0, self.seed).trace
            return problem_of(trace.formula, read_mapping(trace.point), Granularity())
        if self.gates is not None or self.forks is not None:
            what = tell("--gates and --forks make a formula, --level one as in code")
            raise UsageError(what, hint=tell("one of the two"))
        from backtrace.homework.programs import exercise_in_code

        made = exercise_in_code(self.level, self.seed)
        formula = "; ".join(stage.text for stage in made.judged.code.forward)
        return problem_of(formula, read_mapping(made.program.given), Granularity())

    def _of_assignment(self, path: str, rest: Sequence[str]) -> tuple[list[Quiz], list[str]]:
        from backtrace.homework.assignment import read_assignment
        from backtrace.homework.practice import Quiz

        if rest:
            raise UsageError(
                tell("an assignment has its own points: '{rest}' is for none of them", rest=rest[0])
            )
        self._refuse(of=self.of, fuse=self.fuse, expand=self.expand or None)
        assignment = read_assignment(read_file(path), os.path.dirname(path))
        quizzes: list[Quiz] = []
        notes = [
            tell("{id} is answered by code: backtrace check FILE.py judges it", id=question.id)
            for question in assignment.codes
        ]
        for question in assignment.formulas:
            try:
                quizzes.append(Quiz(question.problem, self.ask, question.id))
            except UsageError as error:
                notes.append(tell("{id} is left out: {what}", id=question.id, what=error.what))
        if not quizzes:
            raise UsageError(
                tell("'{path}' has nothing that can be asked", path=path), hint=notes[0]
            )
        return quizzes, notes

    def _code(self) -> tuple[str, str, tuple[str, ...]] | None:
        if self.file is not None:
            is_code = self.file.endswith((".py", ".ipynb"))
            return (self.file, "", self.words) if is_code else None
        found = code_at(self.words[0])
        return (*found, self.words[1:]) if found is not None else None

    def _of_code(self, path: str, name: str, values: Sequence[str]) -> tuple[Problem, str]:
        """What code computes, at its own values and those that are given."""
        from dataclasses import replace

        from backtrace.cli.code import read_with_values
        from backtrace.code import placed, read_code
        from backtrace.formula.point import read_mapping, read_words
        from backtrace.homework.problem import Problem

        text = read_file(path)
        program, words = read_with_values(
            lambda known, of: read_code(text, path, name, known, of),
            values,
            self._seed,
            self.of or "",
        )
        given = read_words(words, self._seed)
        outside = {n: v for n, v in program.outside.items() if n not in given}
        try:
            found = self._at({**read_mapping(outside), **given}, program.formula)
        except BacktraceError as error:
            raise placed(error, program) from None
        lines = program.lines_of(found.record.graph)
        return Problem(replace(found.record, lines=lines), found.floats), self.ask

    def _of_formula(self) -> Problem:
        from backtrace.formula.point import read_words

        formula, values = formula_and_values(self.words, self.file)
        if self.file == "-" or (self.words and self.words[0] == "-" and self.file is None):
            what = tell("standard input is where the answers are read from")
            raise UsageError(
                what, hint=tell("the formula goes into the command, or into --file FILE")
            )
        declared = {m["name"]: m["dims"] for word in values if (m := DECLARED.fullmatch(word))}
        values = tuple(word for word in values if not DECLARED.fullmatch(word))
        if self.of is not None:
            formula, values, _ = result_named(self.of, formula, values)
        if declared and values:
            hint = tell(
                "{partition}: is the shape of a number", partition=values[0].partition("=")[0]
            )
            raise UsageError(tell("'{value}' is a value among shapes", value=values[0]), hint=hint)
        shapes = {name: _lengths(name, dims) for name, dims in declared.items()}
        return self._at(read_words(values, self._seed), formula, shapes)

    def _at(
        self,
        given: Mapping[str, Given],
        formula: str,
        shapes: Mapping[str, tuple[int, ...]] | None = None,
    ) -> Problem:
        """The problem at the point that is given; where there is none, at one that tells."""
        from backtrace.formula.parser import parse
        from backtrace.formula.point import read_mapping
        from backtrace.homework.points import suggest
        from backtrace.homework.problem import problem_of

        if not given:
            graph = parse(formula, (shapes or {}).keys())
            if graph.inputs:
                if not shapes and graph.uses_arrays:
                    name = next(iter(graph.inputs))
                    hint = tell("{name}:2,3 is a shape, {name}=randn(2,3) a value", name=name)
                    raise UsageError(tell("arrays need shapes, or values"), hint=hint)
                point = suggest(formula, shapes or {}, self._seed)[0].point
                given = read_mapping(point)
        return problem_of(formula, given, self._granularity())

    def _granularity(self) -> Granularity:
        from backtrace.graph.record import Granularity

        names = None if self.fuse in (None, EVERYTHING) else tuple(names_in(self.fuse))
        return Granularity(self.expand, self.fuse is not None, names)


def _lengths(name: str, dims: str) -> tuple[int, ...]:
    """2,3 of W:2,3. Raises UsageError for a letter, or no length."""
    found = [part for part in dims.split(",") if part]
    if not all(part.isdecimal() and part.isascii() and 0 < int(part) < 1000 for part in found):
        raise UsageError(
            tell("'{name}:{dims}' has lengths that are no numbers", name=name, dims=dims),
            hint=f"{name}:2,3",
        )
    return tuple(map(int, found))
