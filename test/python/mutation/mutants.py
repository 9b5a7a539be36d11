"""Mutants of MLIR text: tokens left out, doubled, exchanged, replaced by ones from other programs.

Most edits that treat a token alone end in the parser; those that change a size, an element type or a
name everywhere get further, into verifiers and passes. Both are drawn.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = ("test/Dialect/GIR", "test/Passes", "examples/gir")
RECORDS = "dialect/include/gir/IR"
TOKEN = re.compile(r"[\w.]+|[%#@!^][\w.$-]*|\"[^\"\n]*\"|->|//[^\n]*|\s+|.")
EXAMPLE = re.compile(r"```mlir\n(.*?)```", re.DOTALL)
NUMBERS = ("0", "1", "-1", "3", "64", "9223372036854775807", "-9223372036854775808", "4294967296", "?", "1.5")
TYPES = ("f32", "f16", "bf16", "f8E4M3FN", "i1", "i8", "i64", "index", "!gir.token", "vector<4xf32>", "none")
ELEMENT = re.compile(r"(?<=x)(?:b?f\d+\w*|i\d+|index)\b|(?<=: )(?:b?f\d+|i\d+|index)\b")
MOST_EDITS = 3


def corpus() -> list[str]:
    """The programs that are mutated: lit's inputs, case by case, and the examples of the ops' records.

    Those that are invalid from the start are left out, as nothing behind a verifier would see them.
    """
    texts: list[str] = []
    for folder in FOLDERS:
        paths = [path for path in sorted((ROOT / folder).rglob("*.mlir")) if "invalid" not in path.name]
        for path in paths:
            texts += re.split(r"(?m)^// -----.*$", path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / RECORDS).glob("*.td")):
        texts += EXAMPLE.findall(path.read_text(encoding="utf-8"))
    return [without_comments(text) for text in texts if "gir." in text or "linalg." in text]


def without_comments(text: str) -> str:
    """A program without lit's commands and expectations."""
    return re.sub(r"(?m)^\s*//.*\n?", "", text)


def mutants(seed: int, count: int) -> Iterator[str]:
    """So many mutants, the same for the same seed."""
    chance = random.Random(seed)
    programs = corpus()
    for _ in range(count):
        yield mutant(chance, chance.choice(programs), chance.choice(programs))


def mutant(chance: random.Random, text: str, other: str) -> str:
    """One program with one to three edits."""
    for _ in range(chance.randint(1, MOST_EDITS)):
        text = chance.choice(EVERYWHERE)(chance, text) if chance.random() < 0.7 else _one_token(chance, text, other)
    return text


# -- everywhere ------------------------------------------------------------------------------


def _size(chance: random.Random, text: str) -> str:
    """One number, everywhere it stands."""
    found = sorted(set(re.findall(r"(?<![\w.%#@])\d+", text)))
    if not found:
        return text
    return re.sub(rf"(?<![\w.%#@]){chance.choice(found)}(?=x|\b)", chance.choice(NUMBERS), text)


def _element(chance: random.Random, text: str) -> str:
    """One element type, everywhere it stands."""
    found = sorted(set(ELEMENT.findall(text)))
    if not found:
        return text
    return re.sub(rf"(?<![\w]){chance.choice(found)}\b|(?<=x){chance.choice(found)}\b", chance.choice(TYPES), text)


def _level(chance: random.Random, text: str) -> str:
    """One level, everywhere it stands."""
    levels = ("dram", "sram", "reg")
    return text.replace(f"<{chance.choice(levels)}", f"<{chance.choice(levels)}")


def _line(chance: random.Random, text: str) -> str:
    """A line left out, doubled, or exchanged with the next."""
    lines = text.splitlines(keepends=True)
    at = chance.randrange(len(lines))
    match chance.randrange(3):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, lines[at])
        case _:
            lines[at : at + 2] = reversed(lines[at : at + 2])
    return "".join(lines)


def _operand(chance: random.Random, text: str) -> str:
    """One use of a value replaced by another value."""
    names = list(re.finditer(r"%\w+", text))
    if not names:
        return text
    use = chance.choice(names)
    return text[: use.start()] + chance.choice(names).group() + text[use.end() :]


def _number(chance: random.Random, text: str) -> str:
    """One number in a list of an attribute."""
    found = list(re.finditer(r"(?<=[\[, ])-?\d+(?=[\], ])", text))
    if not found:
        return text
    use = chance.choice(found)
    return text[: use.start()] + chance.choice(NUMBERS) + text[use.end() :]


EVERYWHERE = (_size, _element, _level, _line, _operand, _number)


# -- one token -------------------------------------------------------------------------------


def _one_token(chance: random.Random, text: str, other: str) -> str:
    tokens = TOKEN.findall(text)
    donor = [token for token in TOKEN.findall(other) if token.strip()]
    places = [at for at, token in enumerate(tokens) if token.strip()]
    if not places:
        return text
    at = chance.choice(places)
    match chance.randrange(5):
        case 0:
            del tokens[at]
        case 1:
            tokens.insert(at, token_again(tokens[at]))
        case 2:
            tokens[at] = chance.choice(donor)
        case 3:
            del tokens[at : at + chance.randint(1, 12)]
        case _:
            tokens[at] = tokens[at][: len(tokens[at]) // 2]
    return "".join(tokens)


def token_again(token: str) -> str:
    """A token that can stand before itself."""
    return token + " "
