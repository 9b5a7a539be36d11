"""Names in C.

Upstream's translation calls values v1, v2, ... So where a value has a name, a line of the text says so, with the
value as its operand, and `powerfusion.emit.portable` puts the name where the translation's own stands:

    emitc.verbatim "//@ {} exp" args %7     ⇒     //@ v12 exp     ⇒     every v12 of that block is `exp`
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from powerfusion.mlir import ir
from powerfusion.passes.lowering.emitc import code

MARK = "//@ "
WORDS = """
    auto bool break case char const continue default do double else enum extern false float for goto if inline int long
    main register restrict return short signed sizeof static struct switch true typedef union unsigned void volatile
    while asm typeof signbit isnan isinf isfinite isnormal abs labs free malloc memcpy memset NAN INFINITY NULL index
    div rand random time exit abort
"""
FUNCTIONS = """
    acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp2 expm1 fabs floor fma fmax fmin
    fmod log log10 log1p log2 lround nearbyint pow rint round sin sinh sqrt tan tanh trunc gamma jn yn ldexp frexp logb
    modf remainder scalb tgamma lgamma
"""
TAKEN = {*WORDS.split(), *(f"{name}{suffix}" for name in FUNCTIONS.split() for suffix in ("", "f"))}
"""What means something in C already."""


def identifier(text: str) -> str:
    """A text as an identifier of C that means nothing else there."""
    made = re.sub(r"\W", "_", text, flags=re.ASCII).strip("_") or "x"
    made = f"_{made}" if made[0].isdigit() else made
    taken = made in TAKEN or re.fullmatch(r"[a-z]\d*|pf_.*|_.*|.*_t", made)
    return f"x{made}" if made.startswith("_") else f"{made}_" if taken else made


@dataclass
class Names:
    """The names of one function."""

    taken: dict[str, int] = field(default_factory=dict)

    def fresh(self, wanted: str) -> str:
        """A name that nothing has yet."""
        base = identifier(wanted)
        name = base
        while name in self.taken:
            self.taken[base] += 1
            name = f"{base.rstrip('_')}_{self.taken[base]}"
        self.taken[name] = 1
        return name

    def give(self, value: ir.Value, wanted: str) -> str:
        """Names a value."""
        name = self.fresh(wanted)
        code.verbatim(f"{MARK}{{}} {name}", value)
        return name
