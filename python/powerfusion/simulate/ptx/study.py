"""What a kernel's barriers, guards, branches and choices are good for: each can be overruled, and is counted.

A site is a place of the text that decides something. Its outcomes are counted as the kernel runs; overruled, it decides
one way whatever its predicate says, as if the guard, mask or barrier weren't there. A site that never decided otherwise
can't be missed by a test of that run; every other one should be.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MOST_STUDIED_TURNS = 1 << 14
"""Of all loops of a thread: without a branch of theirs they don't end."""


@dataclass(frozen=True)
class Site:
    """A place that decides.

    Attributes:
        line: Of the text, from 1.
        kind: `barrier`, which always decides to wait, `guard` of an instruction, `branch`, or `select`.
    """

    line: int
    kind: str


@dataclass
class Sites:
    """The sites of a module, by number; and how often each instruction was executed, by line."""

    found: list[Site] = field(default_factory=list[Site])

    def decide(self, line: int, kind: str, holds: str) -> str:
        """An expression for what a site decides, given one for what it should."""
        self.found.append(Site(line, kind))
        return f"decide({len(self.found) - 1}, {holds})"

    def declarations(self, lines: int) -> str:
        """What kernels need to be studied."""
        return f"""
extern "C" {{
int64_t pf_overruled = -1; // twice a site's number, and 1 more where it holds
uint64_t pf_outcomes[{len(self.found) + 1}][2], pf_executed[{lines + 1}];
}}
static inline bool decide(int64_t site, bool holds) {{
  pf_outcomes[site][holds]++;
  return pf_overruled >> 1 == site && pf_overruled >= 0 ? pf_overruled & 1 : holds;
}}
"""
