r"""Command lines as a shell would take them apart: bash, and cmd with its `^`.

Public: `commands(text) -> list[Command]`. Variables stay marked inside the words until `as_template` writes them;
whatever else a shell would compute is named in `lost`.
"""

import re
from dataclasses import dataclass, field

from caselang.template import NAME_PATTERN

_NEWLINE, _PERCENT = "\ue000", "\ue003"
_START, _END = "\ue001", "\ue002"
_MARKED = re.compile(f"{_START}(.*?){_END}")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|([A-Za-z_]\w*))")
_EXPRESSION = re.compile(r"\{\{(?!\s*\$?" + NAME_PATTERN + r"[^{}]*\}\})")
_ANSI = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b", "E": "\x1b"}
_ANSI_CODE = re.compile(r"x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{1,4}|U[0-9a-fA-F]{1,8}|[0-7]{1,3}")
_CMD_VARIABLE = re.compile(r"%([A-Za-z_]\w{2,})()%")
_REDIRECTION = re.compile(r"&?>>?(&\d)?|<+|\|+")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


@dataclass
class Command:
    """One command: its words, what a pipe or redirection behind it said, and what only a shell could compute."""

    words: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def commands(text: str) -> list[Command]:
    """Take a text apart, prompts, comments and assignments in front left out."""
    text = text.replace("\r\n", "\n").translate(dict.fromkeys(map(ord, (_NEWLINE, _START, _END, _PERCENT))))
    found = _Bash(_without_carets(text), cmd=True).read() if _is_cmd(text) else _Bash(text, cmd=False).read()
    for command in found:
        while command.words and (command.words[0] in {"$", ">", "%"} or _ASSIGNMENT.match(command.words[0])):
            command.words.pop(0)
    return [command for command in found if command.words]


def variables(text: str) -> list[str]:
    """The shell variables in a word."""
    return _MARKED.findall(text)


def as_template(text: str) -> str:
    r"""A word as a template: shell variables are expressions, a `{{` that begins no expression is a literal `\{{`."""
    return _MARKED.sub(r"{{\1}}", _EXPRESSION.sub(r"\\{{", text))


def _is_cmd(text: str) -> bool:
    return bool(re.search(r"\^[ \t]*$|\^\"", text, re.MULTILINE))


def _without_carets(text: str) -> str:
    """Undo cmd's own escaping, also inside quotes, where browsers write it too; `^` and two newlines are a newline."""
    text = re.sub(r"\^[ \t]*\n\n", _NEWLINE, text)
    text = re.sub(r"\^[ \t]*(?:\n|$)", " ", text)
    text = re.sub(r"\^?%\^|\^%", _PERCENT, text)
    return re.sub(r"\^([^A-Za-z0-9\s])", r"\1", text)


class _Bash:
    """A reader of one text. cmd differs in its quotes only: `'` is none, and no backslash escapes outside of quotes."""

    def __init__(self, text: str, *, cmd: bool) -> None:
        self.text = text
        self.cmd = cmd
        self.at = 0
        self.found = [Command()]
        self.word: list[str] | None = None
        self.dropping = False
        """Behind a pipe or a redirection."""

    def read(self) -> list[Command]:
        while self.at < len(self.text):
            self._next()
        self._end_command()
        return self.found

    def _next(self) -> None:
        char = self.text[self.at]
        if redirection := _REDIRECTION.match(self.text, self.at):
            self.at = redirection.end()
            self.word = None if "".join(self.word or ()).isdigit() else self.word
            self._end_word()
            self.found[-1].lost.append(redirection[0])
            self.dropping = True
        elif char in "\n;&":
            self.at += 1
            self._end_command()
        elif char.isspace():
            self.at += 1
            self._end_word()
        elif char == '"':
            self.at += 1
            self._double_quoted()
        elif self.cmd or not self._only_in_bash(char):
            self._plain(char)

    def _only_in_bash(self, char: str) -> bool:
        """A comment, an escape outside of quotes, or a quote that cmd does not have; False for anything else."""
        if char == "#" and self.word is None:
            self.at = self._find("\n", self.at)
        elif char == "\\":
            escaped = self.text[self.at + 1 : self.at + 2]
            self.at += 2
            if escaped != "\n":
                self._add(escaped or "\\")
        elif char == "'":
            end = self._find("'", self.at + 1)
            self._add(self.text[self.at + 1 : end])
            self.at = end + 1
        elif self.text.startswith("$'", self.at):
            self.at += 2
            self._ansi_quoted()
        else:
            return False
        return True

    def _find(self, text: str, start: int) -> int:
        found = self.text.find(text, start)
        return len(self.text) if found < 0 else found

    def _plain(self, char: str) -> None:
        """A character that stands for itself, a variable, or something that only a shell can compute."""
        if match := (_CMD_VARIABLE if self.cmd else _VARIABLE).match(self.text, self.at):
            self.at = match.end()
            self._add(f"{_START}{match[1] or match[2]}{_END}")
            return
        if not self.cmd and (char == "`" or self.text.startswith("$(", self.at)):
            self.found[-1].lost.append("$(" if char == "$" else "`")
        self.at += 1
        self._add(char.replace(_NEWLINE, "\n").replace(_PERCENT, "%"))

    def _double_quoted(self) -> None:
        self._add("")
        while self.at < len(self.text) and (char := self.text[self.at]) != '"':
            following = self.text[self.at + 1 : self.at + 2]
            if char == "\\" and following and following in ('"\\' if self.cmd else '"\\$`\n'):
                self.at += 2
                self._add("" if following == "\n" else following)
            else:
                self._plain(char)
        self.at += 1

    def _ansi_quoted(self) -> None:
        self._add("")
        while self.at < len(self.text) and (char := self.text[self.at]) != "'":
            self.at += 1
            if char != "\\":
                self._add(char)
            elif code := _ANSI_CODE.match(self.text, self.at):
                self.at = code.end()
                number = int(code[0], 8) if code[0][0].isdigit() else int(code[0][1:], 16)
                self._add(chr(number) if number < 0x110000 else "\ufffd")  # noqa: PLR2004 (the end of Unicode)
            else:
                escaped = self.text[self.at : self.at + 1]
                self.at += 1
                self._add(_ANSI.get(escaped, escaped))
        self.at += 1

    def _add(self, text: str) -> None:
        if self.word is None:
            self.word = []
        self.word.append(text)

    def _drop_rest(self, because: str) -> None:
        self._end_word()
        self.found[-1].lost.append(because)
        self.dropping = True

    def _end_word(self) -> None:
        if self.word is not None and not self.dropping:
            self.found[-1].words.append("".join(self.word))
        self.word = None

    def _end_command(self) -> None:
        self._end_word()
        self.dropping = False
        if self.found[-1].words or self.found[-1].lost:
            self.found.append(Command())
