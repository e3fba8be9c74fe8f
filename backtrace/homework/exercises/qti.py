"""QTI 2.1: an item with a number for every field; as a zip file, a content package.

The elements are those of IMS Question and Test Interoperability 2.1 (2012), the manifest's those
of IMS Content Packaging 1.1.
"""

from __future__ import annotations

import io
import zipfile

from backtrace.homework.exercise import DIGITS
from backtrace.homework.exercises._sheet import Field, Sheet
from backtrace.homework.exercises._xml import attribute, text
from backtrace.language import tell

SUFFIX = ".xml"
_ITEM = "item.xml"
_QTI = "http://www.imsglobal.org/xsd/imsqti_v2p1"
_QTI_XSD = "http://www.imsglobal.org/xsd/qti/qtiv2p1/imsqti_v2p1.xsd"
_PACKAGE = "http://www.imsglobal.org/xsd/imscp_v1p1"
_PACKAGE_XSD = "http://www.imsglobal.org/xsd/qti/qtiv2p1/qtiv2p1_imscpv1p2_v1p0.xsd"
_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
_NO_DATE = (1980, 1, 1, 0, 0, 0)  # the same exercise is the same file


def write(sheet: Sheet, with_key: bool) -> str:
    """The item; its key is in it, and `with_key` changes nothing."""
    del with_key
    numbered = {f"R{i}": field for i, field in enumerate(sheet.all_fields, 1)}
    most = sum(field.weight for field in numbered.values())
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<assessmentItem xmlns="{_QTI}" xmlns:xsi="{_INSTANCE}"',
        f'    xsi:schemaLocation="{_QTI} {_QTI_XSD}"',
        f"    identifier={attribute(sheet.identifier)} title={attribute(sheet.title)}",
        '    adaptive="false" timeDependent="false">',
        *(_declared(name, field) for name, field in numbered.items()),
        _outcome("SCORE", 0, f' normalMaximum="{most}"'),
        _outcome("MAXSCORE", most),
        *_body(sheet),
        "  <responseProcessing>",
        *(_graded(name, field) for name, field in numbered.items()),
        "  </responseProcessing>",
        "</assessmentItem>",
    ]
    return "\n".join(parts) + "\n"


def _declared(name: str, field: Field) -> str:
    return f"""  <responseDeclaration identifier="{name}" cardinality="single" baseType="float">
    <correctResponse><value>{field.key}</value></correctResponse>
  </responseDeclaration>"""


def _outcome(name: str, value: int, more: str = "") -> str:
    kind = f'cardinality="single" baseType="float"{more}'
    return f"""  <outcomeDeclaration identifier="{name}" {kind}>
    <defaultValue><value>{value}</value></defaultValue>
  </outcomeDeclaration>"""


def _body(sheet: Sheet) -> list[str]:
    lines = [*sheet.point, "", *sheet.formula]
    found = ["  <itemBody>", f"    <pre>{text(chr(10).join(lines))}</pre>"]
    numbers = tell("Write every number with {digits} digits.", digits=DIGITS)
    found.append(f"    <p>{numbers}</p>")
    names = iter(f"R{i}" for i in range(1, len(sheet.all_fields) + 1))
    for name, fields in sheet.fields.items():
        shown = [
            f"<code>{text(field.label)}</code> = "
            f'<textEntryInteraction responseIdentifier="{next(names)}" expectedLength="10"/>'
            for field in fields
        ]
        of = text(f"∂{sheet.output}/∂{name[1:]}")
        found.append(f"    <p>{of}: {' '.join(shown)}</p>")
    return [*found, "  </itemBody>"]


def _graded(name: str, field: Field) -> str:
    return f"""    <responseCondition>
      <responseIf>
        <equal toleranceMode="absolute" tolerance="{field.tolerance} {field.tolerance}">
          <variable identifier="{name}"/>
          <baseValue baseType="float">{field.key}</baseValue>
        </equal>
        <setOutcomeValue identifier="SCORE">
          <sum>
            <variable identifier="SCORE"/>
            <baseValue baseType="float">{field.weight}</baseValue>
          </sum>
        </setOutcomeValue>
      </responseIf>
    </responseCondition>"""


def package(sheet: Sheet) -> bytes:
    """The item and its manifest, zipped."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in (("imsmanifest.xml", _manifest(sheet)), (_ITEM, write(sheet, True))):
            entry = zipfile.ZipInfo(name, _NO_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, content.encode("utf-8"))
    return data.getvalue()


def _manifest(sheet: Sheet) -> str:
    identifier = attribute(f"RES-{sheet.identifier}")
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<manifest xmlns="{_PACKAGE}" xmlns:xsi="{_INSTANCE}"
    xsi:schemaLocation="{_PACKAGE} {_PACKAGE_XSD}"
    identifier={attribute(f"MANIFEST-{sheet.identifier}")}>
  <metadata>
    <schema>QTIv2.1 Package</schema>
    <schemaversion>1.0.0</schemaversion>
  </metadata>
  <organizations/>
  <resources>
    <resource identifier={identifier} type="imsqti_item_xmlv2p1" href="{_ITEM}">
      <file href="{_ITEM}"/>
    </resource>
  </resources>
</manifest>
"""
