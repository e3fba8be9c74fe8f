"""Moodle's XML: one question of embedded answers (cloze), a number for every field.

The format is Moodle's own (docs.moodle.org: Moodle XML format, Embedded Answers question type):
{WEIGHT:NUMERICAL:=KEY:TOLERANCE~%0%SLIP:TOLERANCE#feedback}. Every field is graded by itself.
"""

from __future__ import annotations

from backtrace.homework.exercise import DIGITS
from backtrace.homework.exercises._sheet import Field, Sheet, last_place
from backtrace.homework.exercises._xml import text
from backtrace.language import tell
from backtrace.render._latex import formula as latex
from backtrace.render._latex import symbol

SUFFIX = ".xml"
_ENDS = {"~": "&#126;", "}": "&#125;", "{": "&#123;"}
_BRACES = {"{": "&#123;", "}": "&#125;"}  # in what is shown they begin no field


def write(sheet: Sheet, with_key: bool) -> str:
    """The question; its key is in it, and `with_key` changes nothing."""
    del with_key
    question = "\n".join(_body(sheet)).replace("]]>", "]]]]><![CDATA[>")
    keys = ", ".join(f"{field.label} = {field.key}" for field in sheet.all_fields)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<quiz>
  <question type="cloze">
    <name>
      <text>{text(sheet.title)}</text>
    </name>
    <questiontext format="html">
      <text><![CDATA[{question}]]></text>
    </questiontext>
    <generalfeedback format="html">
      <text><![CDATA[<p>{_shown(keys)}</p>]]></text>
    </generalfeedback>
    <penalty>0.3333333</penalty>
    <hidden>0</hidden>
  </question>
</quiz>
"""


def _body(sheet: Sheet) -> list[str]:
    """The question as HTML."""
    lines = [*sheet.point, *([""] if sheet.program else []), *sheet.formula]
    if sheet.program is None:
        found = [rf"<p>\({sheet.output} = {latex(sheet.formula[0])}\)</p>"]
        found.append(f"<pre>{_shown(chr(10).join(lines))}</pre>")
    else:
        found = [f"<pre>{_shown(chr(10).join(lines))}</pre>"]
    numbers = tell("Write every number with {digits} digits.", digits=DIGITS)
    found.append(f"<p>{numbers}</p>")
    for name, fields in sheet.fields.items():
        found.append(f"<p>{_derivative(sheet.output, name)}: {' '.join(map(_field, fields))}</p>")
    return found


def _derivative(output: str, name: str) -> str:
    """∂f/∂x as mathematics."""
    return rf"\(\frac{{\partial {symbol(output)}}}{{\partial {symbol(name[1:])}}}\)"


def _field(field: Field) -> str:
    answers = [f"={field.key}:{field.tolerance}"]
    answers += [
        f"%0%{wrong}:{_near(wrong)}#{_feedback(said)}" for wrong, said in field.slips.items()
    ]
    key = f"{{{field.weight}:NUMERICAL:{'~'.join(answers)}}}"
    return f"<code>{_shown(field.label)}</code> = {key}"


def _near(wrong: str) -> str:
    """How far from a slip's number is still told as that slip: as it may be rounded or cut off."""
    return f"{1.1 * last_place(float(wrong)):.3g}"


def _feedback(said: str) -> str:
    """Moodle ends an answer at ~ and a field at }, and decodes entities afterwards."""
    return "".join(_ENDS.get(c, c) for c in text(text(said)))


def _shown(of: str) -> str:
    return "".join(_BRACES.get(c, c) for c in text(of))
