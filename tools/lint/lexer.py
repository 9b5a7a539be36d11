"""Where things stand in TableGen and C++ sources: comments, strings and the extent of a definition.

What a record *means* always comes from tblgen itself. Its dump keeps no comments and no order of `let`s, though, and
a verifier's labels are comments, so these questions go to a lexer that knows comments, strings and braces, no more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_COMMENT = r"//[^\n]*|/\*.*?\*/"
_STRING = r'"(?:[^"\\\n]|\\.)*"'
_WORD = r"[A-Za-z_]\w*"
_TABLEGEN = re.compile(
    rf"(?P<comment>{_COMMENT})|(?P<code>\[\{{.*?\}}\])|(?P<string>{_STRING})|(?P<word>{_WORD})|(?P<mark>\S)", re.S
)
_CPP = re.compile(
    rf"(?P<comment>{_COMMENT})|(?P<code>R\"(?P<fence>[^(\s]*)\(.*?\)(?P=fence)\")|(?P<string>{_STRING}|'(?:[^'\\\n]|\\.)+')"
    rf"|(?P<word>{_WORD})|(?P<mark>::|\S)",
    re.S,
)
_LABELS = re.compile(r"\((C\d+(?:,\s*C\d+)*)\)")


@dataclass(frozen=True)
class Token:
    """One lexeme; `kind` is comment, code (`[{...}]` or a raw string), string, word or mark."""

    kind: str
    text: str
    line: int


@dataclass(frozen=True)
class Label:
    """A constraint's number where it stands."""

    number: int
    line: int


@dataclass(frozen=True)
class Definition:
    """A `def` in a TableGen file.

    Attributes:
        fields: The body's `let`s in the order of the source: name, line of the name, line where the value begins.
        labels: Constraint labels in its comments.
    """

    fields: tuple[tuple[str, int, int], ...]
    labels: tuple[Label, ...]

    def value_line(self, field: str) -> int | None:
        """The line on which the field's value begins."""
        return next((value for name, _, value in self.fields if name == field), None)


def tokens(source: str, pattern: re.Pattern[str]) -> Iterator[Token]:
    """Splits a source into lexemes."""
    line, position = 1, 0
    for match in pattern.finditer(source):
        line += source.count("\n", position, match.start())
        position = match.start()
        kind = match.lastgroup or "mark"
        yield Token("code" if kind == "fence" else kind, match.group(), line)


def labels_in(text: str, line: int) -> Iterator[Label]:
    """Labels `(C1)` or `(C1, C2)` in a comment or string that begins on `line`."""
    for match in _LABELS.finditer(text):
        where = line + text.count("\n", 0, match.start())
        for label in match.group(1).split(","):
            yield Label(int(label.strip()[1:]), where)


def definition(source: str, line: int, name: str) -> Definition | None:
    """The `def` of the record `name` on `line`; `None` where a multiclass made the record."""
    stream = [token for token in tokens(source, _TABLEGEN) if token.line >= line]
    start = next((i for i, token in enumerate(stream) if token.text == name and token.line == line), None)
    if start is None:
        return None
    return _definition_body(stream[start:])


def _definition_body(stream: list[Token]) -> Definition:
    fields: list[tuple[str, int, int]] = []
    labels: list[Label] = []
    depth = 0
    for i, token in enumerate(stream):
        if token.kind == "comment":
            labels += labels_in(token.text, token.line)
        depth += (token.text == "{") - (token.text == "}") if token.kind == "mark" else 0
        if depth == 0 and token.text in (";", "}"):
            break
        if depth == 1 and token.text == "let":
            name, _, value = stream[i + 1 : i + 4]
            fields.append((name.text, name.line, value.line))
    return Definition(tuple(fields), tuple(labels))


def member_labels(source: str) -> Iterator[tuple[str, Label]]:
    """Class name and label for each label in a comment or string of a member function defined in a C++ source."""
    stream = list(tokens(source, _CPP))
    code = [i for i, token in enumerate(stream) if token.kind != "comment"]
    for a, b, c, d in zip(code, code[1:], code[2:], code[3:], strict=False):
        if stream[b].text != "::" or stream[d].text != "(" or stream[a].kind != "word" or stream[c].kind != "word":
            continue
        for token in _function_body(stream, d):
            if token.kind in ("comment", "string"):
                yield from ((stream[a].text, label) for label in labels_in(token.text, token.line))


def _function_body(stream: list[Token], parenthesis: int) -> list[Token]:
    """Tokens between the braces of the function whose parameter list opens at `parenthesis`; empty for a call."""
    after = _matching(stream, parenthesis, "(", ")") + 1
    while after < len(stream) and (stream[after].kind == "comment" or stream[after].text in ("const", "noexcept")):
        after += 1
    if after >= len(stream) or stream[after].text != "{":
        return []
    return stream[after : _matching(stream, after, "{", "}")]


def _matching(stream: list[Token], start: int, opening: str, closing: str) -> int:
    depth = 0
    for i in range(start, len(stream)):
        if stream[i].kind == "mark":
            depth += (stream[i].text == opening) - (stream[i].text == closing)
        if depth == 0:
            return i
    return len(stream)
