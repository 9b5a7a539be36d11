"""Mutants of a program in a machine's C: each wait, guard, fill and bound of its kernels taken away in turn.

All of them are in one text, so that it is compiled once; `PF_MUTANT` in the environment says which is taken away. The
program notes in the file that `PF_MUTANT_LOG` names which of them change what it does at all.

    __sync_io();                    ⇒   if (!pf_at(1, pf_pending("__sync_io"))) __sync_io();
    if (0 < v) {                    ⇒   if (pf_at(2, !(0 < v)) || (0 < v)) {
    row[at] = 0.0f;                 ⇒   if (!pf_at(3, row[at] != 0.0f)) row[at] = 0.0f;
    n = a < b ? a : b;              ⇒   n = pf_at(4, !(a < b)) ? a : pf_at(5, a < b) ? b : a < b ? a : b;
    for (i = 0; i < n; i += 4) {    ⇒   for (i = 0; i < n + pf_at(6, true) * 4; i += 4) {

Bounds of loops are those of loops that copy in each step; others count the elements of tiles.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from powerfusion.machines.emission import Emission, parse_call

VARIABLE, LOG = "PF_MUTANT", "PF_MUTANT_LOG"
SWITCH = f"""
static const int pf_mutant = getenv("{VARIABLE}") ? atoi(getenv("{VARIABLE}")) : 0;
static bool pf_at(int number, bool matters) {{
  static std::vector<bool> noted(100000);
  if (matters && !noted[number] && getenv("{LOG}")) {{
    noted[number] = true;
    FILE *file = fopen(getenv("{LOG}"), "a");
    fprintf(file, "%d\\n", number);
    fclose(file);
  }}
  return pf_mutant == number;
}}
static bool pf_pending(const char *wait) {{
  for (const pf_sim::Flight &flight : pf_sim::state().flights)
    if (flight.task == pf_sim::state().task && !strcmp(flight.wait, wait))
      return true;
  return false;
}}
"""
_TERM = r"[\w.]+(?: [*+-] [\w.]+)*"
_LEAST = re.compile(rf"(?:(?<== )|(?<=\()|(?<=< ))(?P<a>{_TERM}) < (?P<b>{_TERM}) \? (?P<c>{_TERM}) : (?P<d>{_TERM})")
_GUARD = re.compile(r"if \((?P<condition>.*)\) \{$")
_FILL = re.compile(r"(?P<place>\w+\[[\w +*]+\]) = (?P<value>\(?-?([\d.]+(e[+-]?\d+)?f?|INFINITY|NAN)\)?);$")
_LOOP = re.compile(r"(?P<head>for \(int64_t (?P<i>\w+) = .*; (?P=i) < )(?P<end>.*); (?P=i) \+= (?P<step>.*)\) \{$")


@dataclass(frozen=True)
class Mutant:
    """One thing that is taken away.

    Attributes:
        number: What `PF_MUTANT` is set to.
        kind: `wait`, `guard`, `fill`, `least` or `loop`.
        line: The line of the text without switches.
        text: What stands there.
    """

    number: int
    kind: str
    line: int
    text: str


def switched(text: str, emission: Emission) -> tuple[str, list[Mutant]]:
    """A program's text with a switch for each mutant, and the mutants."""
    switches = _Switches(emission)
    old = text.splitlines()
    lines = [SWITCH]
    within = False
    for at, line in enumerate(old):
        if re.match(rf"{re.escape(emission.kernel)} void \w+\(.*\{{$", line):
            within = True
        elif line == "}":
            within = False
        lines.append(switches.line(old, at) if within else line)
    return "\n".join(lines) + "\n", switches.mutants


class _Switches:
    """Puts switches into lines, and numbers them."""

    def __init__(self, emission: Emission) -> None:
        self.mutants: list[Mutant] = []
        pending = {copy.wait: f'pf_pending("{parse_call(copy.wait).callee}")' for copy in emission.copies if copy.wait}
        if emission.compute_wait and emission.compute_wait not in pending:
            pending[emission.compute_wait] = "!pf_sim::state().now->computed.empty()"
        if emission.barrier:
            pending[emission.barrier] = "true"
        self.pending = {f"{call};": condition for call, condition in pending.items()}
        self.copies = tuple(dict.fromkeys(f"{copy.parsed.callee}(" for copy in emission.copies))

    def line(self, lines: Sequence[str], at: int) -> str:
        """A line of a kernel, with the switches of all that can be taken away in it."""
        line = lines[at]
        text = line.strip()
        indent = line[: len(line) - len(line.lstrip())]

        def add(kind: str, matters: str) -> str:
            self.mutants.append(Mutant(len(self.mutants) + 1, kind, at + 1, text))
            return f"pf_at({self.mutants[-1].number}, {matters})"

        if text in self.pending:
            return f"{indent}if (!{add('wait', self.pending[text])}) {text}"
        if fill := _FILL.fullmatch(text):
            differs = f"{fill['place']} != {fill['value']}"
            return f"{indent}if (!{add('fill', differs)}) {text}"
        if guard := _GUARD.fullmatch(text):
            condition = guard["condition"]
            return f"{indent}if ({add('guard', f'!({condition})')} || ({condition})) {{"
        loop = _LOOP.fullmatch(text)
        if loop and self._copies(lines[at + 1 :], f"{indent}  ", loop["i"]):
            end = f"({loop['end']}) + {add('loop', 'true')} * ({loop['step']})"
            return f"{indent}{loop['head']}{end}; {loop['i']} += {loop['step']}) {{"
        if "] = " in text:  # an element that is chosen, and no bound
            return line
        made: dict[str, str] = {}
        for found in _LEAST.finditer(line):
            if found[0] not in made:
                made[found[0]] = _either(found, add)
        return _LEAST.sub(lambda found: made[found[0]], line)

    def _copies(self, lines: Sequence[str], indent: str, index: str) -> bool:
        """Whether a body copies something in any case, and something else in each step."""
        body = list(itertools.takewhile(lambda line: line.startswith(indent), lines))
        is_used = any(re.search(rf"\b{index}\b", line) for line in body)
        return is_used and any(line.removeprefix(indent).startswith(self.copies) for line in body)


def _either(found: re.Match[str], add: Callable[[str, str], str]) -> str:
    condition = f"({found['a']} < {found['b']})"
    differ = f"{found['c']} != {found['d']}"
    first = add("least", f"!{condition} && {differ}")
    second = add("least", f"{condition} && {differ}")
    return f"({first} ? {found['c']} : {second} ? {found['d']} : {found[0]})"
