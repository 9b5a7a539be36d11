"""How a program for a machine is written in its C: the part `[emit]` of a machine's file, as data.

    [emit]                                   a task's number, qualifiers, headers, what C calls element types
    [[emit.memory]]   space = "nram"         the qualifier of a variable that lies in a space
    [[emit.copy]]     source, result         a call that moves bytes along a link
    [[emit.intrinsic]]  op = "arith.addf"    a call that does an op on a run of elements
    [[emit.scalar]]   op = "arith.divf"      a call that does an op on single numbers, where C's own won't do

A call is a template: `__bang_add({dst}, {a}, {b}, {count})`. An argument is a name in braces, such a name and a number
(`{rows} - 1`), or a word of the machine's (`GDRAM2NRAM`). Beside it stands what it asks of its operands, and as a
reference what it does: a body in C over the same names, of which the simulator is made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

COPY_NAMES = ("dst", "src", "bytes", "rows", "dst_stride", "src_stride")
"""What a copy may take: `rows` pieces of `bytes`, so many bytes apart; one piece where it takes no rows."""
STRIDED_NAMES = ("rows", "dst_stride", "src_stride")
OPERANDS: tuple[str, ...] = ("a", "b", "c")
STRIDED = """\
for (int64_t row = 0; row < rows; ++row)
  memmove((char*)dst + row * dst_stride, (const char*)src + row * src_stride, bytes);"""

FLOATS = ("addf", "subf", "mulf", "divf", "maximumf", "minimumf", "maxnumf", "minnumf", "negf")
INTEGERS = ("addi", "subi", "muli", "maxsi", "minsi", "maxui", "minui", "andi", "ori", "xori")
UNARY = (
    *("absf", "ceil", "floor", "exp", "exp2", "expm1", "log", "log2", "log1p", "sqrt", "rsqrt", "tanh", "erf"),
    *("sin", "cos", "round", "roundeven", "trunc", "cbrt", "atan"),
)
KINDS = ("add", "mul", "maximumf", "minimumf", "maxnumf", "minnumf", "maxsi", "minsi")
TRANSPOSE = "transpose"
OPS: dict[str, int] = {
    **{f"arith.{name}": 1 if name == "negf" else 2 for name in (*FLOATS, *INTEGERS)},
    **{f"math.{name}": 1 for name in UNARY},
    "math.fma": 3,
    "math.powf": 2,
    "arith.extf": 1,
    "arith.truncf": 1,
    "reciprocal": 1,
    "fill": 1,
    TRANSPOSE: 1,
    **{f"reduce.{kind}": 1 for kind in KINDS},
}
"""What an intrinsic may do, and of how many operands: ops of programs; `reciprocal`, of which divisions are made;
`fill`, a number in every element; `transpose`, rows that become columns; `reduce.KIND`, elements combined."""
CONVERSIONS = ("arith.extf", "arith.truncf")
"""Those whose results are of another element type than their operand."""

_CALL = re.compile(r"\s*([A-Za-z_]\w*)\s*\((.*)\)\s*;?\s*", re.DOTALL)
_ARGUMENT = re.compile(r"\{(\w+)\}(?:\s*([-+*])\s*(\d+))?")
_WORD = re.compile(r"[A-Za-z_]\w*|-?\d+")


@dataclass(frozen=True)
class Argument:
    """One argument of a call.

    Attributes:
        name: What stands there; none where it is a word.
        word: The word.
        factor: By which a number is multiplied.
        shift: What is added to it.
    """

    name: str = ""
    word: str = ""
    factor: int = 1
    shift: int = 0


@dataclass(frozen=True)
class Call:
    """A template that was read."""

    callee: str
    arguments: tuple[Argument, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What it takes, but for words."""
        return tuple(argument.name for argument in self.arguments if argument.name)


def parse_call(text: str) -> Call:
    """Reads a template.

    Raises:
        ValueError: It isn't one; says why.
    """
    match = _CALL.fullmatch(text)
    if match is None:
        raise ValueError(f'expected a call as "name({{dst}}, {{a}}, {{count}})", got "{text}"')
    given = [part.strip() for part in match[2].split(",")] if match[2].strip() else []
    return Call(match[1], tuple(map(_argument, given)))


def _argument(text: str) -> Argument:
    named = _ARGUMENT.fullmatch(text)
    if named is not None:
        number = int(named[3] or 0)
        if named[2] == "*":
            return Argument(named[1], factor=number)
        return Argument(named[1], shift=-number if named[2] == "-" else number)
    if _WORD.fullmatch(text):
        return Argument(word=text)
    raise ValueError(f'expected an argument as {{name}}, {{name}} - 1 or a word, got "{text}"')


@dataclass(frozen=True)
class Memory:
    """How variables in a space are declared.

    Args:
        space: Its name.
        qualifier: Stands before the type; an identifier.
    """

    space: str
    qualifier: str = ""


@dataclass(frozen=True)
class Copy:
    """A call that moves bytes.

    Args:
        call: Of `COPY_NAMES`.
        source: The space that it reads.
        result: The space that it writes.
        wait: The call behind which it is done; none where it is done when it returns.
        alignment_bytes: Where both sides begin, and how far rows are apart.
        granule_bytes: What `bytes` is a multiple of.
        body: What it does, in C.
    """

    call: str
    source: str
    result: str
    wait: str | None = None
    alignment_bytes: int = 1
    granule_bytes: int = 1
    body: str = STRIDED

    @cached_property
    def parsed(self) -> Call:
        """The template."""
        return parse_call(self.call)

    @property
    def is_strided(self) -> bool:
        """Whether it moves several rows."""
        return "rows" in self.parsed.names


@dataclass(frozen=True)
class Intrinsic:
    """A call that computes.

    Args:
        op: Of `OPS`.
        call: Of `dst`, as many of `a`, `b`, `c` as the op has operands, and `count`, of elements; a transposition
            takes `rows` and `columns` of its operand.
        dtypes: Which elements; `{dtype}` in the callee's name stands for one of them.
        body: What it does, in C, in which `T` is the element's type, and `R` the result's.
        result: Of a conversion: the result's element type.
        scalars: Which operands are numbers; the others are as many elements as the result.
        spaces: In which space operands and results are, where that isn't the one that tiles are in.
        alignment_bytes: Where operands in memory begin; by default where the space wants it.
        granule_bytes: What the bytes of a run are a multiple of.
        group_bytes: Of a reduction: so many bytes become one element, where they begin; by default all of them do.
    """

    op: str
    call: str
    dtypes: tuple[str, ...]
    body: str
    result: str | None = None
    scalars: tuple[str, ...] = ()
    spaces: tuple[tuple[str, str], ...] = ()
    alignment_bytes: int | None = None
    granule_bytes: int = 1
    group_bytes: int | None = None

    @cached_property
    def parsed(self) -> Call:
        """The template."""
        return parse_call(self.call.replace("{dtype}", "PF_DTYPE"))

    def callee(self, dtype: str) -> str:
        """What it is called for an element type."""
        return self.parsed.callee.replace("PF_DTYPE", dtype)

    @property
    def operands(self) -> tuple[str, ...]:
        """The names of its operands."""
        return OPERANDS[: OPS.get(self.op, 0)]

    @property
    def sizes(self) -> tuple[str, ...]:
        """The names of how many elements there are."""
        return ("rows", "columns") if self.op == TRANSPOSE else ("count",)


@dataclass(frozen=True)
class ScalarCall:
    """A call that computes a number, in place of what C has.

    Args:
        op: Of `OPS`, but for reductions and fills.
        call: Of as many of `a`, `b`, `c` as the op has operands.
        dtypes: Which numbers; `{dtype}` in the callee's name stands for one of them.
        body: What it gives, in C, by a `return`.
    """

    op: str
    call: str
    dtypes: tuple[str, ...]
    body: str

    @cached_property
    def parsed(self) -> Call:
        """The template."""
        return parse_call(self.call.replace("{dtype}", "PF_DTYPE"))

    def callee(self, dtype: str) -> str:
        """What it is called for an element type."""
        return self.parsed.callee.replace("PF_DTYPE", dtype)


@dataclass(frozen=True)
class Emission:
    """How programs for a machine are written.

    Args:
        suffix: Of a file of it.
        headers: That it includes.
        kernel: What stands before a kernel that the host starts.
        function: What stands before a function that kernels call.
        task: Which of the tasks of a launch this one is.
        tasks: How many there are.
        launched: On how many tasks a kernel is started.
        group: Which group a task is of, where tasks of a group share memory.
        groups: How many groups there are.
        unit: Which of its group's tasks it is.
        units: How many tasks a group has.
        barrier: The call in which the tasks of a group wait for each other; none where a group is one task.
        compute_wait: The call that a copy needs behind what computed its bytes; none where it needs none.
        scalar_division: Whether numbers can be divided without an intrinsic.
        lacks: Element types that its C doesn't have.
        types: What C calls element types, where that isn't what the standard says.
        prelude: Text behind the headers, which the simulator leaves out.
        memories: How variables in spaces are declared.
        copies: What moves bytes.
        intrinsics: What computes.
        scalars: What computes numbers.
    """

    task: str
    tasks: str
    suffix: str = "c"
    headers: tuple[str, ...] = ()
    kernel: str = ""
    function: str = ""
    launched: int = 1
    group: str = ""
    groups: str = ""
    unit: str = ""
    units: str = ""
    barrier: str | None = None
    compute_wait: str | None = None
    scalar_division: bool = True
    lacks: tuple[str, ...] = ()
    types: tuple[tuple[str, str], ...] = ()
    prelude: str = ""
    memories: tuple[Memory, ...] = ()
    copies: tuple[Copy, ...] = ()
    intrinsics: tuple[Intrinsic, ...] = ()
    scalars: tuple[ScalarCall, ...] = ()

    def qualifier(self, space: str) -> str | None:
        """What declares a variable in a space; None where nothing says how."""
        return next((memory.qualifier for memory in self.memories if memory.space == space), None)

    def copies_along(self, source: str, result: str) -> list[Copy]:
        """The calls that move bytes along a link, those of rows first."""
        found = [copy for copy in self.copies if (copy.source, copy.result) == (source, result)]
        return sorted(found, key=lambda copy: not copy.is_strided)

    def intrinsics_for(self, op: str, dtype: str, result: str | None = None) -> Iterator[Intrinsic]:
        """The calls that do an op on elements of a type, to those of another if that is given, in the file's order."""
        wanted = None if result == dtype else result
        return (one for one in self.intrinsics if one.op == op and dtype in one.dtypes and one.result == wanted)

    def scalar_for(self, op: str, dtype: str) -> ScalarCall | None:
        """The call that does an op on numbers of a type; None where C's own does."""
        return next((one for one in self.scalars if one.op == op and dtype in one.dtypes), None)

    @property
    def granule_bytes(self) -> int:
        """Of runs that every intrinsic takes."""
        return max((one.granule_bytes for one in self.intrinsics), default=1)
