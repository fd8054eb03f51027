"""Every message in Chinese and English, from one catalogue."""

import string
from pathlib import Path

from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from kit.messages import CATALOGUE

ROOT = Path(__file__).parents[2]


def messages_in_the_code() -> set[str]:
    found: set[str] = set()
    methods = [("**/templates/**", "jinja2"), ("**.py", "python")]
    for package in ("kit", "services", "caselang"):
        for _, _, message, _, _ in extract_from_dir(ROOT / package, methods, keywords={"N_": None, "_": None}):
            found.add(message if isinstance(message, str) else message[0])
    return found


def test_every_message_has_a_chinese_translation() -> None:
    with CATALOGUE.open("rb") as source:
        translated = {str(entry.id) for entry in read_po(source) if entry.string}
    assert messages_in_the_code() - translated == set()


def test_a_translation_has_the_placeholders_of_its_message() -> None:
    with CATALOGUE.open("rb") as source:
        for entry in read_po(source):
            names = [
                {name for _, name, _, _ in string.Formatter().parse(str(text)) if name}
                for text in (entry.id, entry.string)
            ]
            assert names[0] == names[1], entry.id


def test_no_translation_is_left_over() -> None:
    with CATALOGUE.open("rb") as source:
        translated = {str(entry.id) for entry in read_po(source) if entry.id}
    assert translated - messages_in_the_code() == set()
