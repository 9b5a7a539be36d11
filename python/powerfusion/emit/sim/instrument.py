"""What the simulator puts into a program's text before it compiles it; no line moves.

// tile 8x64 of f32 at nram: 2048 bytes
float* t = (float*) nram_memory;         ⇒   .. pf_sim::fresh(t, 2048);      what lay there is forgotten
for (int64_t i = 0; i < 64; i += 1) {    ⇒   .. pf_sim::step();              a step over elements takes time
t[i] = 0.0f;
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile

from powerfusion.machines.emission import Emission

_TILE = re.compile(r"(// tile .*: (\d+) bytes\n.*\* (\w+) = .*;)$", re.MULTILINE)
_ELEMENT = re.compile(r"\w\[")


def instrumented(text: str, emission: Emission) -> str:
    """A program's text with them."""
    lines = _TILE.sub(r"\1 pf_sim::fresh(\3, \2);", text).splitlines()
    begin = re.compile(rf"{re.escape(emission.kernel)} ?void \w+\(.*\{{$")
    within = False
    made: list[str] = []
    for at, line in enumerate(lines):
        within = line != "}" and (within or begin.match(line) is not None)
        made.append(f"{line} pf_sim::step();" if within and _is_over_elements(lines, at) else line)
    return "\n".join(made) + "\n"


def _is_over_elements(lines: Sequence[str], at: int) -> bool:
    """Whether a line begins a loop that has no other in it, and reads or writes elements."""
    text = lines[at].lstrip()
    if not text.startswith("for ("):
        return False
    indent = " " * (len(lines[at]) - len(text) + 1)
    body = list(takewhile(lambda line: line.startswith(indent), lines[at + 1 :]))
    return any(map(_ELEMENT.search, body)) and not any(line.lstrip().startswith("for (") for line in body)
