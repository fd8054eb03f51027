"""Messages for people, in Chinese (the default) and English.

The English text in the code is the key; `locales/zh.po` has its translation.
"""

import gettext
import io
from collections.abc import Mapping
from contextvars import ContextVar
from functools import cache
from pathlib import Path

from babel import Locale, UnknownLocaleError, negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LANGUAGES = ("zh", "en")
CATALOGUE = Path(__file__).parent / "locales" / "zh.po"

language: ContextVar[str] = ContextVar("language", default="zh")
"""The language of the answer being made."""


def N_(text: str) -> str:  # noqa: N802 (gettext's own name, which Babel's extractor looks for)
    """Mark a text for translation without translating it yet."""
    return text


@cache
def _chinese() -> gettext.GNUTranslations:
    with CATALOGUE.open("rb") as source:
        catalogue = read_po(source, locale="zh")
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def translate(text: str, values: Mapping[str, object] | None = None, in_language: str | None = None) -> str:
    """The message in a language (default: that of the request), with its `{placeholders}` filled."""
    if (in_language or language.get()) == "zh":
        text = _chinese().gettext(text)
    return text.format_map(values) if values else text


def choose_language(accept_language: str | None) -> str:
    """The first language of an `Accept-Language` header that Rounds speaks; Chinese when there is none."""
    wanted: list[tuple[float, str]] = []
    for item in (accept_language or "").split(","):
        tag, _, quality = item.strip().partition(";q=")
        try:
            wanted.append((float(quality or 1), Locale.parse(tag, sep="-").language))
        except (ValueError, UnknownLocaleError, TypeError):
            continue
    ordered = [tag for _, tag in sorted(wanted, key=lambda pair: -pair[0])]
    return negotiate_locale(ordered, LANGUAGES) or "zh"
