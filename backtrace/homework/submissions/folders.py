"""Whose files are whose: a folder a student, a file a student, or both beside each other.

    class/ada/net.py, class/ada/answers.json      Ada's, by her folder
    class/ben.ipynb, class/ben.json               Ben's, by their names
    class/form.csv                                of whom it says

Nothing is read here but the names. A link that leads out of a student's folder is left out: it
would show what is none of the student's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from backtrace.homework.questions import CODE_SUFFIXES, CodeQuestion
from backtrace.homework.submissions.code_files import CodeFile
from backtrace.homework.submissions.submission import name_of, short
from backtrace.language import tell

_DEEPEST = 4  # folders in a student's folder
_MOST_FILES = 200
_NO_WORK = ("__pycache__", "__MACOSX", "node_modules", "venv", "env", "site-packages")


@dataclass(frozen=True, slots=True)
class Folder:
    """What one student handed in: code, and files that may hold answers."""

    student: str
    source: str
    codes: tuple[CodeFile, ...] = ()
    others: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def paths(self) -> list[str]:
        return [*(file.path for file in self.codes), *self.others]


def sorted_out(
    paths: Sequence[str], codes: Sequence[CodeQuestion], is_answers: Callable[[str], bool]
) -> list[Folder | str]:
    """The paths of a command line as students' folders and files: a folder alone is a class's, one
    among other paths a student's. `is_answers` says whether a file's name is one of a file with
    answers."""
    found: list[Folder | str] = []
    files: list[str] = []
    for path in paths:
        if not os.path.isdir(path):
            files.append(path)
        elif len(paths) > 1 or _has_named(path, codes):
            found.append(folder_of(path, is_answers))
        else:
            found += _of_class(path, is_answers)
    return [*found, *_by_stem(files)]


def _has_named(path: str, codes: Sequence[CodeQuestion]) -> bool:
    """Whether a folder has a file as the assignment calls it: then it is one student's."""
    return any(code.file and os.path.isfile(os.path.join(path, code.file)) for code in codes)


def is_code(name: str) -> bool:
    return name.lower().endswith(CODE_SUFFIXES)


def _names(path: str) -> list[str]:
    """What is in a folder and may be somebody's work, in order of the names."""
    return sorted(
        name
        for name in os.listdir(path)
        if not name.startswith((".", "~$")) and name not in _NO_WORK
    )


def _of_class(path: str, is_answers: Callable[[str], bool]) -> list[Folder | str]:
    """In order of the names."""
    names = _names(path)
    inner = [os.path.join(path, name) for name in names if is_code(name) or is_answers(name)]
    folders = [os.path.join(path, name) for name in names]
    found: list[Folder | str] = [folder_of(f, is_answers) for f in folders if os.path.isdir(f)]
    found += _by_stem([file for file in inner if os.path.isfile(file)])
    return sorted(found, key=lambda one: one.source if isinstance(one, Folder) else one)


def _by_stem(paths: Sequence[str]) -> Iterator[Folder | str]:
    """Files of one name but for their ends are one student's, where one of them is code."""
    stems: dict[str, list[str]] = {}
    for path in paths:
        stems.setdefault(os.path.splitext(path)[0], []).append(path)
    for stem, files in stems.items():
        if not any(map(is_code, files)):
            yield from files
            continue
        codes = tuple(CodeFile(os.path.basename(f), f) for f in files if is_code(f))
        others = tuple(f for f in files if not is_code(f))
        yield Folder(name_of(os.path.basename(stem), "?"), files[0], codes, others)


def folder_of(path: str, is_answers: Callable[[str], bool]) -> Folder:
    """All that a student's folder holds, and folders in it."""
    root = os.path.realpath(path)
    codes: list[CodeFile] = []
    others: list[str] = []
    reasons: list[str] = []
    for name in _all(path, 0):
        full = os.path.join(path, name)
        if not (is_code(name) or is_answers(name)) or not os.path.isfile(full):
            continue
        if os.path.commonpath([root, os.path.realpath(full)]) != root:
            reasons.append(
                tell("{short} is a link that leads out of the folder", short=short(name))
            )
        elif len(codes) + len(others) >= _MOST_FILES:
            reasons.append(tell("more than {most_files} files", most_files=_MOST_FILES))
            break
        elif is_code(name):
            codes.append(CodeFile(name, full))
        else:
            others.append(full)
    student = name_of(os.path.basename(os.path.normpath(os.path.abspath(path))), "?")
    return Folder(student, path, tuple(codes), tuple(others), tuple(reasons))


def _all(path: str, depth: int) -> Iterator[str]:
    """The files in a folder and those in it, each as it is called from there; no linked folder."""
    for name in _names(path):
        inner = os.path.join(path, name)
        if not os.path.isdir(inner):
            yield name
        elif depth < _DEEPEST and not os.path.islink(inner):
            yield from (f"{name}/{below}" for below in _all(inner, depth + 1))
