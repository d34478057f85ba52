"""Quizzes as a QTI 2.1 content package, which learning platforms import: one .zip of items, a test, and a manifest.

An item (assessmentItem) has one choiceInteraction.  The answer that was chosen is copied to the outcome FEEDBACK, and the
modalFeedback with that identifier says why it is right, or which misconception it is.
"""

import io
import zipfile
from pathlib import Path
from xml.etree import ElementTree as xml

from ..checkpoint import atomically
from .lesson_text import plain
from .quiz import LETTERS, Question

QTI, PACKAGING = "http://www.imsglobal.org/xsd/imsqti_v2p1", "http://www.imsglobal.org/xsd/imscp_v1p1"
ONE = {"cardinality": "single"}


def write_package(quizzes: dict[int, list[Question]], path: str | Path) -> None:
    """Quizzes by the number of their lesson -> one file for a learning platform."""
    items = {
        f"L{n:02d}Q{i}": item(f"L{n:02d}Q{i}", n, question) for n, qs in quizzes.items() for i, question in enumerate(qs, 1)
    }
    files = {f"items/{name}.xml": element for name, element in items.items()}
    files |= {"test.xml": test_of(quizzes), "imsmanifest.xml": manifest(list(items))}
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as package:
        for name, element in files.items():
            xml.indent(element)
            # a fixed date, so that equal quizzes give equal bytes
            package.writestr(zipfile.ZipInfo(name), xml.tostring(element, encoding="utf-8", xml_declaration=True))
    atomically(path, lambda file: file.write(memory.getvalue()))


def item(name: str, lesson: int, question: Question) -> xml.Element:
    """One question as an assessmentItem."""
    root = xml.Element("assessmentItem", {
        "xmlns": QTI, "identifier": name, "title": f"Lesson {lesson}, question {name[-1]}", "adaptive": "false",
        "timeDependent": "false",
    })  # fmt: skip
    response = add(root, "responseDeclaration", identifier="RESPONSE", baseType="identifier", **ONE)
    add(add(response, "correctResponse"), "value", LETTERS[question.right].upper())
    score = add(root, "outcomeDeclaration", identifier="SCORE", baseType="float", **ONE)
    add(add(score, "defaultValue"), "value", "0")
    add(root, "outcomeDeclaration", identifier="FEEDBACK", baseType="identifier", **ONE)
    body = add(root, "itemBody")
    add(body, "p", plain(question.text))
    choice = add(body, "choiceInteraction", responseIdentifier="RESPONSE", shuffle="false", maxChoices="1")
    for letter, option in zip(LETTERS.upper(), question.options):
        add(choice, "simpleChoice", plain(option.text), identifier=letter)
    processing = add(root, "responseProcessing")
    when = add(add(processing, "responseCondition"), "responseIf")
    match = add(when, "match")
    add(match, "variable", identifier="RESPONSE")
    add(match, "correct", identifier="RESPONSE")
    add(add(when, "setOutcomeValue", identifier="SCORE"), "baseValue", "1", baseType="float")
    add(add(processing, "setOutcomeValue", identifier="FEEDBACK"), "variable", identifier="RESPONSE")
    for letter, option in zip(LETTERS.upper(), question.options):
        said = add(root, "modalFeedback", outcomeIdentifier="FEEDBACK", identifier=letter, showHide="show")
        mistaken = f'This is the misconception "{option.misconception}". ' if option.misconception else "Right. "
        add(said, "p", mistaken + plain(option.because))
    return root


def test_of(quizzes: dict[int, list[Question]]) -> xml.Element:
    """An assessmentTest with one section per lesson."""
    root = xml.Element("assessmentTest", {"xmlns": QTI, "identifier": "minialign", "title": "The quizzes of minialign"})
    part = add(root, "testPart", identifier="all", navigationMode="nonlinear", submissionMode="individual")
    for n, questions in quizzes.items():
        section = add(part, "assessmentSection", identifier=f"L{n:02d}", title=f"Lesson {n}", visible="true")
        for i in range(1, len(questions) + 1):
            add(section, "assessmentItemRef", identifier=f"L{n:02d}Q{i}", href=f"items/L{n:02d}Q{i}.xml")
    return root


def manifest(items: list[str]) -> xml.Element:
    """imsmanifest.xml: which files there are, and that the test needs the items."""
    root = xml.Element("manifest", {"xmlns": PACKAGING, "identifier": "minialign-quizzes"})
    about = add(root, "metadata")
    add(about, "schema", "QTIv2.1 Package")
    add(about, "schemaversion", "1.0.0")
    add(root, "organizations")
    resources = add(root, "resources")
    test = add(resources, "resource", identifier="test", type="imsqti_test_xmlv2p1", href="test.xml")
    add(test, "file", href="test.xml")
    for name in items:
        add(test, "dependency", identifierref=name)
    for name in items:
        resource = add(resources, "resource", identifier=name, type="imsqti_item_xmlv2p1", href=f"items/{name}.xml")
        add(resource, "file", href=f"items/{name}.xml")
    return root


def add(parent: xml.Element, tag: str, text: str | None = None, /, **attributes: str) -> xml.Element:
    """A child element, at the end -> the child."""
    child = xml.SubElement(parent, tag, attributes)
    child.text = text
    return child
