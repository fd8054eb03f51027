"""The words of a cURL command as options, one list of them per request.

Public: `Option`, `requests(words)`, `is_known(name)`.
"""

import re

_SHORT = {
    "X": "request", "H": "header", "d": "data", "F": "form", "u": "user", "A": "user-agent", "e": "referer",
    "b": "cookie", "m": "max-time", "x": "proxy", "T": "upload-file", "k": "insecure", "L": "location", "G": "get",
    "I": "head", ":": "next", "g": "globoff",
}  # fmt: skip
_SHORT_WITH_VALUE = "AbcCdDeEFHKmoPQrtTuUwxXyYz"
_LONG_WITH_VALUE = re.compile(
    "request|header|data(-raw|-ascii|-binary|-urlencode)?|json|form(-string)?|user(-agent)?|referer|cookie(-jar)?"
    "|max-time|connect-timeout|proxy(-user|-header|-cacert)?|upload-file|max-redirs|url(-query)?|oauth2-bearer"
    "|retry(-delay|-max-time)?|config|cert(-type)?|key(-type)?|ca(cert|path)|pass|range|output(-dir)?|write-out"
    "|dump-header|trace(-ascii)?|stderr|keepalive-time|resolve|connect-to|interface|dns-servers|aws-sigv4|ciphers"
    "|tls-max|limit-rate|speed-(limit|time)|socks[45]a?|socks5-hostname|noproxy|(abstract-)?unix-socket|pinnedpubkey"
    "|rate|request-target|time-cond|max-filesize|local-port|doh-url|preproxy"
)
_FLAGS = re.compile(
    "insecure|location(-trusted)?|get|head|digest|ntlm|negotiate|anyauth|basic|http[0123.]+|http2-prior-knowledge"
    "|ipv[46]|(no-)?(ssl|tls|tcp)[-a-z0-9.]*|raw|retry-(connrefused|all-errors)|post30[123]|no-sessionid|disable"
    "|proxytunnel|."
)

Option = tuple[str, str, str]
"""How it was written, its long name (or letter), its value."""


def requests(words: list[str]) -> list[list[Option]]:
    """Read the words after the program's name: `--next` begins another request."""
    found: list[list[Option]] = [[]]
    for option in _options(words):
        if option[1] == "next":
            found.append([])
        else:
            found[-1].append(option)
    return found


def is_known(name: str) -> bool:
    """Tell whether cURL has an option of this long name or letter."""
    return bool(_LONG_WITH_VALUE.fullmatch(name) or _FLAGS.fullmatch(name))


def _options(words: list[str]) -> list[Option]:
    found: list[Option] = []
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if word == "--" or not word.startswith("-") or word == "-":
            found.append(("", "url", word))
        elif word.startswith("--"):
            name = word[2:]
            takes = _LONG_WITH_VALUE.fullmatch(name) is not None and bool(waiting)
            found.append((word, name, waiting.pop(0) if takes else ""))
        else:
            letters = word[1:]
            while letters:
                letter, letters = letters[0], letters[1:]
                value = ""
                if letter in _SHORT_WITH_VALUE:
                    value, letters = letters or (waiting.pop(0) if waiting else ""), ""
                found.append((f"-{letter}", _SHORT.get(letter, letter), value))
    return [option for option in found if option != ("", "url", "--")]
