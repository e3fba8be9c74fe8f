"""Exercises in code, and exports: keys are right, slips in them are found, files are valid.

The files that are executed here are our own.
"""

from __future__ import annotations

import functools
import io
import math
import pathlib
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from backtrace.errors import BacktraceError
from backtrace.homework.assignment import read_assignment
from backtrace.homework.backward import check_code
from backtrace.homework.checking import check
from backtrace.homework.exercise import exercise
from backtrace.homework.exercises import Sheet, formats, of_code, of_gates, package, written
from backtrace.homework.programs import LEVELS, CodeExercise, exercise_in_code
from tests.conftest import DATA, Command
from tests.oracles import measured_gradient

SEEDS = ("0", "1", "ada", "ben", "Ада", "7")
QTI = "{http://www.imsglobal.org/xsd/imsqti_v2p1}"
MADE = [(level, seed) for level in LEVELS for seed in SEEDS]
GATES = [
    (["add", "mul"], 0),
    (["mul", "sigmoid", "exp", "div", "mul"], 1),
    (["add", "mul", "max"], 1),
    (["ln", "sqrt", "tanh"], 0),
]


@functools.cache
def made(level: int, seed: str) -> CodeExercise:
    return exercise_in_code(level, seed)


@functools.cache
def schema(name: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(DATA / "schemas" / f"{name}.xsd"))


def run(text: str) -> dict[str, Any]:
    """The names that a file of ours binds."""
    names: dict[str, Any] = {}
    with np.errstate(all="ignore"):
        exec(compile(text, "exercise.py", "exec"), names)
    return names


EVERY_SHEET = pytest.mark.parametrize(
    ("kind", "seed"),
    [*MADE, *((kind, seed) for kind in range(-len(GATES), 0) for seed in SEEDS[:3])],
)
"""A level of code, or gates by hand, counted from their end."""


def sheet_of(kind: int, seed: str) -> Sheet:
    return of_code(made(kind, seed)) if kind > 0 else of_gates(exercise(*GATES[kind], seed))


# files of Python


@pytest.mark.parametrize(("level", "seed"), MADE)
def test_the_key_is_right_by_check_and_by_numpy(level: int, seed: str) -> None:
    sheet = of_code(made(level, seed))
    key = written(sheet, "python", with_key=True)
    judged = check_code(key, "key.py")
    assert judged.ok
    names = run(key)
    answers = made(level, seed).answers
    assert set(answers) == set(made(level, seed).program.gradients)
    for name, exact in answers.items():
        assert np.shape(names[name]) == exact.shape
        assert np.allclose(names[name], exact, rtol=1e-12, atol=1e-12)
    assert [v.gradient.name for v in judged.verdicts][1:] == list(answers)


@pytest.mark.parametrize(("level", "seed"), MADE)
def test_numpy_measures_the_keys_slopes(level: int, seed: str) -> None:
    """The loss moves as the gradients of the inputs say."""
    text = written(of_code(made(level, seed)), "python", with_key=True)
    program, answers = made(level, seed).program, made(level, seed).answers
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("d"))
    forward = lines.partition("# forward pass")[2].partition("# backward pass")[0]
    names = run(lines)

    def loss(name: str, value: Any) -> float:
        moved = {**names, name: value}
        exec(forward, moved)
        return float(moved[program.loss])

    for name in program.given:
        if f"d{name}" not in answers:
            continue
        slopes = measured_gradient(functools.partial(loss, name), names[name])
        np.testing.assert_allclose(slopes, answers[f"d{name}"], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("level", "seed"), MADE)
def test_blanks_are_still_to_do(level: int, seed: str) -> None:
    blank = written(of_code(made(level, seed)), "python")
    judged = check_code(blank, "blank.py")
    gradients = list(made(level, seed).program.gradients)
    assert [v.gradient.name for v in judged.verdicts if v.verdict == "still to do"] == gradients
    assert not judged.ok
    for name, text in made(level, seed).program.gradients.items():
        blank = blank.replace(f"{name} = ...", f"{name} = {text}")
    assert check_code(blank, "filled.py").ok


SLIPS = [
    (r"\.T\b", ""),
    (r"\* d\w+", ""),
    (r"\bd[a-z]\w* \*", ""),
    (r"= -", "= "),
    (r" \+ .*", ""),
    (r" - d.*", ""),
    (r" / \d", ""),
    (r"\b2 \* ", ""),
    (r"0\.5 \* ", ""),
    (r"axis=0", "axis=1"),
    (r"\.sum\(axis=0\)", ""),
    (r" > ", " < "),
    (r"\*\*2", ""),
    (r"1 - ", ""),
    (r"\[y\]", "[0]"),
    (r" @ ", " * "),
    (r" \* ", " + "),
]


def slips(key: str) -> Iterator[tuple[str, str]]:
    """Copies of a key in which one gradient's line has a slip, with the name of the gradient."""
    lines = key.splitlines()
    for row, line in enumerate(lines):
        name, sign, right = line.partition(" = ")
        if not sign or not re.fullmatch(r"d\w+", name) or name == "dloss":
            continue
        for pattern, new in SLIPS:
            text = re.sub(pattern, new, f"= {right.partition('  #')[0]}", count=1)
            if text[2:].strip() and text[2:] != right.partition("  #")[0]:
                changed = [*lines[:row], f"{name} {text}", *lines[row + 1 :]]
                yield name, "\n".join(changed) + "\n"


def changes(text: str, right: dict[str, Any]) -> bool | None:
    """Whether running a file gives other gradients; None where Python refuses it."""
    try:
        names = run(text)
    except Exception:  # what a slip may end in
        return None
    return not all(
        np.shape(names[n]) == v.shape and np.allclose(names[n], v, rtol=1e-6, atol=1e-9)
        for n, v in right.items()
    )


@pytest.mark.parametrize(("level", "seed"), MADE[::2])
def test_a_slip_that_changes_a_number_is_found(level: int, seed: str) -> None:
    right = made(level, seed).answers
    key = written(of_code(made(level, seed)), "python", with_key=True)
    tried = hidden = 0
    for name, text in slips(key):
        is_changed = changes(text, right)
        if is_changed is None:
            continue
        tried += 1
        judged = check_code(text, "slip.py")
        verdicts = {v.gradient.name: v.verdict for v in judged.verdicts}
        if is_changed:
            assert not judged.ok, text
            assert verdicts[name] != "ok", text
        hidden += not is_changed
    assert tried
    assert hidden <= 0.1 * tried + 1  # the point tells: hardly any slip changes no number


@pytest.mark.parametrize("level", [2, pytest.param(5, marks=pytest.mark.slow)])
def test_the_same_level_and_seed_are_the_same_bytes(level: int, backtrace_command: Command) -> None:
    words = ("exercise", "--level", str(level), "--seed")
    texts = [backtrace_command(*words, seed).out for seed in ("ada", "ada", "ben")]
    assert texts[0] == texts[1] != texts[2]
    assert texts[0] == written(of_code(exercise_in_code(level, "ada")), "python")


@pytest.mark.parametrize("seed", SEEDS)
def test_levels_have_what_they_promise(seed: str) -> None:
    assert len(made(1, seed).program.steps) == 2
    uses = [name for step in made(2, seed).program.steps for name in step.back]
    assert len(uses) > len(set(uses))
    assert any(value.ndim for value in made(3, seed).answers.values())
    assert {"dW1", "dW2", "db1", "db2"} <= made(4, seed).answers.keys()
    assert {"dgamma", "dbeta", "dx"} <= made(5, seed).answers.keys()


def test_seeds_are_different_programs() -> None:
    texts = [written(of_code(made(1, seed)), "python") for seed in SEEDS]
    assert len({text.partition("# forward")[2] for text in texts}) > 2


def test_the_file_is_checked_by_the_command(
    tmp_path: pathlib.Path, backtrace_command: Command
) -> None:
    blank, key = tmp_path / "ada.py", tmp_path / "key.py"
    words = ("exercise", "--format", "python", "--seed", "ada")
    assert backtrace_command(*words, "-o", str(blank)).status == 0
    assert backtrace_command(*words, "--key", "-o", str(key)).status == 0
    ended = backtrace_command("check", str(blank))
    assert ended.status == 1
    assert "still to do" in ended.out
    assert backtrace_command("check", str(key)).status == 0


@pytest.mark.parametrize("level", sorted(LEVELS))
def test_a_class_is_graded_on_it(
    level: int, tmp_path: pathlib.Path, backtrace_command: Command
) -> None:
    words = ("exercise", "--level", str(level), "--seed", "ada")
    problem = backtrace_command(*words, "--format", "toml").out
    worth = len(made(level, "ada").answers)
    assert read_assignment(problem).worth == worth
    (tmp_path / "a.toml").write_text(problem)
    for student, more in (("ada", ("--key",)), ("ben", ())):
        (tmp_path / "all" / student).mkdir(parents=True)
        file = tmp_path / "all" / student / "a.py"
        assert backtrace_command(*words, *more, "-o", str(file)).status == 0
    graded = backtrace_command("grade", str(tmp_path / "a.toml"), str(tmp_path / "all"))
    points = dict(re.findall(r"(?m)^(ada|ben) +(\d+/\d+)", graded.out))
    assert points == {"ada": f"{worth}/{worth}", "ben": f"0/{worth}"}
    cheap = tmp_path / "all" / "ben" / "a.py"  # a forward pass of one's own, with right gradients
    cheap.write_text("import numpy as np\nx = 1.0\nloss = 2 * x\ndloss = 1.0\ndx = 2.0\n")
    graded = backtrace_command("grade", str(tmp_path / "a.toml"), str(tmp_path / "all"))
    assert re.search(r"(?m)^ben +0/", graded.out)


@pytest.mark.parametrize(
    "words",
    [
        ("--level", "6"),
        ("--level", "2", "--gates", "add"),
        ("--level", "2", "--forks", "1"),
        ("--level", "2", "--format", "tree"),
        ("--gates", "add", "--format", "python"),
        ("--level", "2", "-o", "a.zip"),
        ("--format", "moodle", "-o", "a.zip"),
    ],
)
def test_an_exercise_that_cannot_be(words: tuple[str, ...], backtrace_command: Command) -> None:
    ended = backtrace_command("exercise", *words)
    assert ended.status == 2
    assert ended.err


# platforms

CLOZE = re.compile(
    r"\{(\d+):NUMERICAL:=([^:{}~#]+):([^:{}~#]+)((?:~%0%[^:{}~#]+:[^:{}~#]+#[^{}~]+)*)\}"
)
NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")


def of_moodle(text: str) -> tuple[str, list[tuple[int, float, float]]]:
    """The question's text as HTML, and (weight, key, tolerance) of its fields."""
    tree = etree.fromstring(text.encode())
    schema("moodle-quiz").assertValid(tree)
    html = tree.findtext("question/questiontext/text")
    assert html is not None
    fields = CLOZE.findall(html)
    assert len(fields) == html.count(":NUMERICAL:")
    assert all(NUMBER.fullmatch(number) for field in fields for number in field[1:3])
    return html, [(int(weight), float(key), float(off)) for weight, key, off, _ in fields]


def test_formats_are_found_in_their_folder() -> None:
    assert formats() == ("moodle", "python", "qti")


@EVERY_SHEET
def test_what_moodle_is_given(kind: int, seed: str) -> None:
    sheet = sheet_of(kind, seed)
    html, fields = of_moodle(written(sheet, "moodle"))
    assert [(w, key) for w, key, _ in fields] == [
        (field.weight, float(field.key)) for field in sheet.all_fields
    ]
    etree.fromstring(f"<div>{html}</div>")  # well formed
    shares = [sum(field.weight for field in part) for part in sheet.fields.values()]
    assert len(set(shares)) == 1  # every gradient is worth the same


@pytest.mark.parametrize(
    ("gates", "forks", "least"),
    [(*case, least) for case, least in zip(GATES, (15, 25, 15, 10), strict=True)],
)
def test_a_slips_number_is_told_as_what_fits(gates: list[str], forks: int, least: int) -> None:
    told = 0
    by_hand = exercise(gates, forks, "ada")
    formula, point = by_hand.trace.formula, dict(by_hand.trace.point)
    sheet = of_gates(by_hand)
    html, _ = of_moodle(written(sheet, "moodle"))
    for field in sheet.all_fields:
        for wrong, says in field.slips.items():
            told += 1
            assert says.startswith("fits, at ")
            assert f"~%0%{wrong}:" in html
            assert abs(float(wrong) - float(field.key)) > float(field.tolerance)
            assert not check(formula, point, {field.label: wrong}).ok
    assert told > least


def score(item: Any, responses: dict[str, float]) -> float:
    """What the item's own response processing gives."""
    found = 0.0
    for condition in item.iter(f"{QTI}responseIf"):
        equal = condition.find(f"{QTI}equal")
        name = equal.find(f"{QTI}variable").get("identifier")
        key = float(equal.findtext(f"{QTI}baseValue"))
        below, above = map(float, equal.get("tolerance").split())
        if name in responses and key - below <= responses[name] <= key + above:
            found += float(condition.findtext(f"{QTI}setOutcomeValue/{QTI}sum/{QTI}baseValue"))
    return found


@EVERY_SHEET
def test_what_qti_is_given(kind: int, seed: str) -> None:
    sheet = sheet_of(kind, seed)
    item = etree.fromstring(written(sheet, "qti").encode())
    schema("qti-item").assertValid(item)
    fields = {f"R{i}": field for i, field in enumerate(sheet.all_fields, 1)}
    right = {name: float(field.key) for name, field in fields.items()}
    most = sum(field.weight for field in fields.values())
    assert item.findtext(f"{QTI}outcomeDeclaration[2]/{QTI}defaultValue/{QTI}value") == str(most)
    assert score(item, right) == most
    assert score(item, {}) == 0
    for name, field in fields.items():
        wrong = {**right, name: right[name] + 3 * float(field.tolerance)}
        assert score(item, wrong) == most - field.weight


@pytest.mark.parametrize(("level", "seed"), MADE[:: len(SEEDS)])
def test_a_package_is_the_item_and_its_manifest(level: int, seed: str) -> None:
    sheet = of_code(made(level, seed))
    data = package(sheet, "qti")
    assert data == package(of_code(exercise_in_code(level, seed)), "qti")
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        manifest = etree.fromstring(packed.read("imsmanifest.xml"))
        schema("imscp-manifest").assertValid(manifest)
        names = [file.get("href") for file in manifest.iter("{*}file")]
        assert packed.namelist() == ["imsmanifest.xml", *names]
        assert packed.read(names[0]).decode() == written(sheet, "qti")
    with pytest.raises(BacktraceError):
        package(sheet, "moodle")


@pytest.mark.parametrize(("level", "seed"), MADE)
def test_keys_are_the_right_numbers_with_4_digits(level: int, seed: str) -> None:
    answers = made(level, seed).answers
    for field in of_code(made(level, seed)).all_fields:
        name, _, place = field.label.partition("[")
        at = tuple(int(n) for n in place.rstrip("]").split(",")) if place else ()
        exact = float(answers[name][at])
        assert float(f"{exact:.4g}") == float(field.key)
        assert abs(float(field.key) - exact) <= float(field.tolerance)
        cut = math.floor(abs(exact) / unit(exact)) * unit(exact)  # cut off, not rounded
        assert abs(abs(float(field.key)) - cut) <= float(field.tolerance)


def unit(exact: float) -> float:
    return float(10.0 ** (math.floor(math.log10(abs(exact))) - 3)) if exact else 1e-4


@given(st.text(max_size=40), st.sampled_from([1, 0]))
@settings(max_examples=20, deadline=None)
def test_any_seed_makes_valid_files(seed: str, level: int) -> None:
    sheet = of_code(made(level, seed)) if level else of_gates(exercise(["add", "mul"], 0, seed))
    of_moodle(written(sheet, "moodle"))
    schema("qti-item").assertValid(etree.fromstring(written(sheet, "qti").encode()))
    if level:
        assert check_code(written(sheet, "python", with_key=True), "key.py").ok


def test_the_names_of_formulas_are_mathematics() -> None:
    html, _ = of_moodle(written(of_code(made(4, "ada")), "moodle"))
    assert r"\(\frac{\partial \mathit{loss}}{\partial W_{1}}\)" in html
    html, _ = of_moodle(written(of_gates(exercise(["exp", "div"], 0, "ada")), "moodle"))
    assert r"\(f = \exp(x/y)\)" in html


@pytest.mark.parametrize("name", ["qti-item", "moodle-quiz"])
def test_the_schemas_refuse_what_is_wrong(name: str) -> None:
    text = written(of_code(made(3, "ada")), "qti" if name == "qti-item" else "moodle")
    damages = {
        "qti-item": [
            ('responseIdentifier="R1"', 'responseIdentifier="R99"'),
            ('identifier="R1" card', 'identifier="1" card'),
            ("<pre>", "<pre><b/>"),
            ('toleranceMode="absolute" ', ""),
        ],
        "moodle-quiz": [('type="cloze"', 'type="close"'), ("<hidden>0</hidden>", "<hidden/>")],
    }
    for right, wrong in damages[name]:
        assert right in text
        assert not schema(name).validate(etree.fromstring(text.replace(right, wrong).encode()))
