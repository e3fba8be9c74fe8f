"""What a person reads is told by tell(), and every catalogue says all of it."""

from __future__ import annotations

import ast
import functools
import importlib.util
import json
import pathlib
import re
import string
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from rich.cells import cell_len

from backtrace import language
from backtrace.errors import BacktraceError
from backtrace.render import html
from backtrace.tracing.tracer import trace
from tests.conftest import ROOT, Command

pytest.importorskip("babel", reason="the catalogues are collected by Babel")

HOUSE = ROOT / "backtrace"
WORDS = ("tell", "tell_many", "marked", "marked_many")
IN_ENGLISH = {
    "algebra/javascript.py": "an error of ours, that no input leads to",
    "cli/output.py": "a formula's own text, with what is wrong told before it",
}


def _tool() -> Any:
    spec = importlib.util.spec_from_file_location("catalogues", ROOT / ".ci" / "catalogues.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL = _tool()
FILES = TOOL.files()


def places(text: str) -> set[str]:
    """The named places of a template."""
    try:
        return {part[1] for part in string.Formatter().parse(text) if part[1] is not None}
    except ValueError:  # a text with a brace of its own, which nothing is put into
        return set()


def texts(message: Any) -> tuple[list[str], list[str]]:
    """What is to be said, and how it is said."""
    ids = [message.id] if isinstance(message.id, str) else list(message.id)
    said = [message.string] if isinstance(message.string, str) else list(message.string)
    return ids, said


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.parent.parent.name)
def test_a_catalogue_says_all_that_is_said_and_nothing_else(file: pathlib.Path) -> None:
    catalogue, source = TOOL.read(file), TOOL.collected()
    wanted = {m.id for m in source if m.id}
    there = {m.id for m in catalogue if m.id}
    assert wanted - there == set(), "python .ci/catalogues.py update, and translate these"
    assert there - wanted == set(), "python .ci/catalogues.py update"
    for message in catalogue:
        if not message.id:
            continue
        ids, said = texts(message)
        assert all(said), f"not translated: {ids[0]}"
        assert not message.fuzzy, f"to be looked at: {ids[0]}"
        for one in said:
            assert places(one) in [places(id) for id in ids], f"a place is lost or added: {one}"
            for end in (str.lstrip, str.rstrip):
                edge = len(ids[-1]) != len(end(ids[-1]))
                assert edge == (len(one) != len(end(one))) or ids[-1] == " and ", repr(one)


PARTICLE = re.compile(
    r"(?<!})}['\"]?(은|는|이|가|을|를|과|와|으?로|이?라|이?라는|이?어야|여야)(?![가-힣])"
)


def test_no_particle_of_korean_depends_on_what_is_put_in() -> None:
    """은 or 는, 을 or 를: which it is, what stands before it says, and that is not known."""
    (file,) = (f for f in FILES if f.parent.parent.name == "ko")
    said = [one for m in TOOL.read(file) if m.id for one in texts(m)[1] if places(one)]
    assert [one for one in said if PARTICLE.search(one)] == []
    assert not [one for one in said if re.search(r"은\(는\)|을\(를\)|이\(가\)|\(으\)로", one)]
    assert PARTICLE.search("'{name}'을 읽습니다")
    assert PARTICLE.search("{x}는 수입니다")


def test_all_that_a_page_s_script_says_is_said_in_every_language() -> None:
    with language.speaking("ko"):
        told = html._sentences()
    assert len(told) > 30
    assert {
        text for text, said in told.items() if said == text and re.search("[a-z]{2}", text)
    } == {"{name} = {value}"} & told.keys()


@functools.cache
def parsed() -> dict[str, ast.Module]:
    """Every module of the house, read once."""
    files = sorted(HOUSE.rglob("*.py"))
    return {str(f.relative_to(HOUSE)): ast.parse(f.read_text("utf-8")) for f in files}


def sources() -> Iterator[tuple[str, ast.Module]]:
    yield from ((name, tree) for name, tree in parsed().items() if name not in IN_ENGLISH)


def _is_sentence(node: ast.AST | None) -> bool:
    """Whether it is a text with words, which is not told."""
    if isinstance(node, ast.IfExp):
        return _is_sentence(node.body) or _is_sentence(node.orelse)
    if isinstance(node, ast.JoinedStr):
        text = "".join(p.value if isinstance(p, ast.Constant) else "{}" for p in node.values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = node.value
    else:
        return False
    words = [word for word in text.split() if word.isalpha() and word.islower() and len(word) > 1]
    return len(words) > 1 and not text.startswith(("backtrace ", "pip ", "-"))


def untold(tree: ast.Module) -> list[str]:
    """Errors and hints that are not told, and templates that Babel does not see."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            name = getattr(node.exc.func, "id", "")
            if name.endswith("Error") and name not in ("ValueError", "TypeError", "AttributeError"):
                found += [ast.unparse(a) for a in node.exc.args if _is_sentence(a)]
        if isinstance(node, ast.keyword) and node.arg == "hint" and _is_sentence(node.value):
            found.append(ast.unparse(node.value))
        if isinstance(node, ast.JoinedStr):
            inner = [n for n in ast.walk(node) if isinstance(n, ast.Call)]
            found += [ast.unparse(n) for n in inner if _tells(n) and _is_literal(n.args[0])]
        if isinstance(node, ast.Call) and _tells(node) and node.args:
            first = node.args[0]
            if isinstance(first, ast.JoinedStr | ast.BinOp):
                found.append(ast.unparse(first))
    return found


def _tells(node: ast.Call) -> bool:
    return getattr(node.func, "id", "") in WORDS


def _is_literal(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant)


@pytest.mark.small
def test_every_error_and_hint_is_told() -> None:
    assert {name: found for name, tree in sources() if (found := untold(tree))} == {}


NOT_SPOKEN = {
    "algebra/javascript.py": "what is written is JavaScript",
    "algebra/matrices/": "names of kinds",
    "cli/catalogue.py": "the table of docs/reference/gates.md, which is in English",
    "cli/languages.py": "that the output is in English",
    "cli/notebook.py": "the magic's own docstring",
    "homework/backward/codes.py": "what codes mean to who reads the source",
    "homework/programs/": "lines of Python",
    "render/_letters.py": "LaTeX, whose usual letters are Latin",
    "render/_script.py": "what a script says is Python",
    "render/_windows.py": "lines of Python",
    "render/dot.py": "lines of dot",
    "render/python.py": "what a script says is Python",
    "render/tikz.py": "lines of TeX",
    "render/torch.py": "what a script says is Python",
}
"""By the beginning of a file's name: why texts of several words in it are not told."""
KEYS = {
    *("any class", "disagree", "end of data", "end of input", "lost digits", "side by side"),
    *("wrong at kink", "a box of gates", "import numpy as np"),
}
"""Compared or looked up, and told where they are shown, if they are."""
STYLES = {"not", "bold", "red", "dim", "italic", "quiet", "value", "gradient", "gate"}
HEADS = ("add_column", "heading", "section", "Text")
"""What makes headings: one word is a sentence there, and where a style is given."""


def spoken_untold(tree: ast.Module) -> list[str]:
    """Texts of several words, and headings of one, that are not told: but for docstrings, errors of
    a programmer (ValueError and the like), what repr says, examples and styles."""
    found: list[str] = []
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Call) and _tells(node):
            continue
        if isinstance(node, ast.FunctionDef) and node.name in ("__repr__", "__str__"):
            continue
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            name = getattr(node.exc.func, "id", "")
            if name in ("ValueError", "TypeError", "AttributeError"):
                continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # a docstring, or a remark under a constant
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            is_shown = name in HEADS or any(k.arg == "style" for k in node.keywords)
            if is_shown and node.args and _is_word(node.args[0]):
                found.append(ast.unparse(node.args[0]))
        if _is_sentence(node) and not isinstance(node, ast.IfExp) and not _is_key(node):
            found.append(ast.unparse(node))
        if not isinstance(node, ast.JoinedStr):
            waiting += ast.iter_child_nodes(node)
        else:
            waiting += [part for part in node.values if isinstance(part, ast.FormattedValue)]
    return found


def _is_key(node: ast.AST) -> bool:
    text = node.value if isinstance(node, ast.Constant) else ""
    if not isinstance(text, str) or not text:
        return False
    return text in KEYS or set(text.split()) <= STYLES or text.startswith("\b\n")


def _is_word(node: ast.AST) -> bool:
    text = node.value if isinstance(node, ast.Constant) else None
    return isinstance(text, str) and text.strip().isalpha() and text.strip() != "SymPy"


@pytest.mark.small
def test_every_sentence_and_heading_is_told() -> None:
    exempt = tuple(NOT_SPOKEN)
    found = {n: spoken_untold(tree) for n, tree in parsed().items() if not n.startswith(exempt)}
    assert {name: texts for name, texts in found.items() if texts} == {}
    assert all(any(n.startswith(k) for n in parsed()) for k in NOT_SPOKEN), "exempt in vain"


@pytest.mark.small
@pytest.mark.parametrize(
    "source",
    [
        'table.add_column("gate")',
        'shown.append("and some more words")',
        'yield f"{n} of {m} answers pass"',
        'title = "what is asked for"',
        'f(x, "two words" if x else tell("y"))',
        'yield Text("upstream")',
        'text.append("   gradient ", style="quiet")',
        "print(f\"{x} {'with more words'}\")",
    ],
)
def test_what_is_spoken_and_not_told_would_be_found(source: str) -> None:
    assert spoken_untold(ast.parse(source))


@pytest.mark.small
@pytest.mark.parametrize(
    "source",
    [
        '"""What it does, in words."""',
        'raise ValueError("the shape is no shape")',
        'def __repr__(self): return "a thing of mine"',
        'Text(tell("upstream and more"), "not bold")',
        'marked_many("one more gate", "more gates than one")',
        'table.add_column("SymPy")',
    ],
)
def test_what_is_no_sentence_would_not_be_found(source: str) -> None:
    assert spoken_untold(ast.parse(source)) == []


@pytest.mark.small
@pytest.mark.parametrize(
    "source",
    [
        'raise UsageError("it has no value")',
        'raise UsageError(f"{name} has no value")',
        'raise UsageError(tell("x"), hint=f"write {x} as an array")',
        'tell(f"{x} has no value")',
        "f\"{tell('no value')}\"",
    ],
)
def test_what_is_not_told_would_be_found(source: str) -> None:
    assert untold(ast.parse(source))


def test_nothing_is_told_while_modules_load() -> None:
    """Tables are marked: they are told when they are shown, in the language of then."""
    script = (
        "import importlib, pkgutil, backtrace.language as spoken\n"
        "spoken.tell = lambda text, **_: 1 / 0\n"
        "import backtrace\n"
        "for module in pkgutil.walk_packages(backtrace.__path__, 'backtrace.'):\n"
        "    if '__main__' not in module.name:\n"
        "        importlib.import_module(module.name)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_english_opens_no_catalogue() -> None:
    script = (
        "from backtrace.cli import run\nfrom backtrace import language\n"
        "run(['--help'])\nrun(['x*', 'x=1'])\nassert not language._catalogues"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


@pytest.mark.small
@pytest.mark.parametrize(
    ("environment", "spoken"),
    [
        ({}, "en"),
        ({"LANG": "ko_KR.UTF-8"}, "ko"),
        ({"LANG": "ko_KR.UTF-8", "LC_MESSAGES": "C"}, "en"),
        ({"LC_MESSAGES": "ko", "LANG": "en_US.UTF-8"}, "ko"),
        ({"LC_ALL": "POSIX", "LC_MESSAGES": "ko"}, "en"),
        ({"LANGUAGE": "ko", "LC_ALL": "en_US.UTF-8"}, "ko"),
        ({"LANGUAGE": "xx:ko-KR", "LANG": "C"}, "ko"),
        ({"LANGUAGE": "en:ko"}, "en"),
        ({"LANGUAGE": "", "LANG": "ko@x"}, "ko"),
        ({"LANG": "xx_XX.UTF-8"}, "en"),
    ],
)
def test_the_variables_in_gettexts_order(environment: dict[str, str], spoken: str) -> None:
    assert language.of_environment(environment) == spoken


@pytest.mark.small
def test_a_language_that_is_not_there_is_refused(backtrace_command: Command) -> None:
    ended = backtrace_command("x*y", "x=2", "y=3", "--lang", "xx")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == "error: there is no language 'xx'\nhint: --lang en or ko\n"


WORDS_OF = [
    ("(x+y)*z", "x=-2", "y=5", "z=-4"),
    ("q = x + y; f = max(q, z)*q", "x=-2", "y=5", "z=-4", "--explain"),
    ("sum(relu(W@x))", "W=[[1,2],[3,-4]]", "x=[1,2]"),
    ("log(x)", "x=-1"),
    ("x*y", "x=2", "y=3", "--symbolic", "--exact", "--paths", "x", "--forward", "y", "--cost"),
]


@pytest.mark.parametrize("words", WORDS_OF, ids=lambda words: words[0])
@pytest.mark.parametrize("format", ["table", "tree", "wires", "markdown", "json"])
def test_another_language_has_the_same_numbers_and_codes(
    words: tuple[str, ...], format: str, backtrace_command: Command
) -> None:
    shown = {k: backtrace_command(*words, "--format", format, "--lang", k) for k in ("en", "ko")}
    plain = backtrace_command(*words, "--format", format)
    assert shown["en"] == plain
    assert shown["ko"].status == plain.status
    if format == "json":
        english, korean = (json.loads(shown[k].out) for k in ("en", "ko"))
        assert english.keys() == korean.keys()
        for key in ("nodes", "gradients", "output", "point"):
            assert english.get(key) == korean.get(key)
        verdicts = [{n: c["verdict"] for n, c in f["checks"].items()} for f in (english, korean)]
        assert verdicts[0] == verdicts[1]
    elif format != "wires":  # which may be all names and numbers
        assert any("가" <= c <= "힣" for c in shown["ko"].out)


@pytest.mark.parametrize("words", WORDS_OF[:2], ids=lambda words: words[0])
def test_wide_characters_count_two_columns_in_a_table(
    words: tuple[str, ...], backtrace_command: Command
) -> None:
    lines = backtrace_command(*words, "--lang", "ko").out.splitlines()
    rule = next(k for k, line in enumerate(lines) if line.startswith("──"))
    head = lines[rule - 1]
    assert cell_len(head) == len(lines[rule]), "the head is as wide as its rule"
    column = cell_len(head[: head.index("상류") + 2])
    row = lines[rule + 1]
    assert row[column - 1].isdigit(), "numbers end where their head ends"
    assert row[column : column + 2] == "  "


def test_answers_are_aligned(backtrace_command: Command) -> None:
    words = ("check", "(x+y)*z", "x=-2", "y=5", "z=-4", "dx=4", "dy=-4", "--lang", "ko")
    lines = backtrace_command(*words).out.splitlines()
    rule = next(k for k, line in enumerate(lines) if line.startswith("──"))
    ends = {cell_len(line[: line.index(mark)]) for line in lines for mark in "✓✗" if mark in line}
    assert len(ends) == 1
    assert cell_len(lines[rule - 1].rstrip()) <= ends.pop()


@pytest.mark.parametrize(
    "words",
    [
        ("inv(x)", "x=[[1,2],[2,4]]"),
        ("log(x)*abs(y)", "x=[1,-2]", "y=[0,1]"),
        ("sqrt(x) + exp(y)", "x=[1,-2]", "y=[0,900]"),
        ("x*y", "x=@nowhere.npy", "y=1"),
        ("check", "(x+y)*z", "x=1", "y=2", "z=3", "--suggest-point"),
        ("sum(relu(W@x))", "W=[[1,2],[3,-4]]", "x=[1,2]", "--order", "2", "--paths", "x"),
        ("softplus(W@x)", "W=[[1,2],[3,-4]]", "x=[1,2]", "--forward", "x", "--jacobian"),
        ("batch_norm(x)", "x=[[1,2],[3,5]]", "--explain", "--cost"),
        ("exercise", "--level", "3", "--format", "moodle"),
    ],
    ids=lambda words: words[0],
)
def test_nothing_english_is_left_in_what_is_said(
    words: tuple[str, ...], backtrace_command: Command
) -> None:
    ended = backtrace_command(*words, "--lang", "ko")
    said = ended.out + ended.err
    assert any("가" <= c <= "힣" for c in said)
    joins = re.findall(r"\b(?:at|of|is|are|the|and|none|from|more|where|is not) [\[#\w]", said)
    assert joins == [], said


def test_within_a_block_the_library_speaks_it() -> None:
    with language.speaking("ko"):
        korean = trace("log(x)", {"x": -1.0})
        with pytest.raises(BacktraceError) as error:
            trace("x*", {"x": 1.0})
    assert language.current() == "en"
    assert "오른쪽" in str(error.value)
    assert "조건" in korean.fault.what
    assert "needs x > 0" in trace("log(x)", {"x": -1.0}).fault.what
