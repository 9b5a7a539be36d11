"""Writes linalg on tensors as torch-mlir writes it: one operator after the other, each a `linalg.generic`.

Values carry shape and dtype, so a program is a few lines of Python:

    x = w.argument((4, 8), "bf16")
    y = w.pointwise(lambda b, x: b("maximumf", x, b.number(0.0)), x)

A pointwise operator of bf16 computes in f32 and rounds its result, as PyTorch's do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf, prod

from workloads.filling import Fill, normal

FLOATS = ("bf16", "f16", "f32", "f64")
LOWEST = {"bf16": "0xFF80", "f16": "0xFC00", "f32": "0xFF800000", "f64": "0xFFF0000000000000"}
COMPUTED_IN = {"bf16": "f32", "f16": "f32"}
"""The dtype in which an operator of a narrow one computes."""


@dataclass(frozen=True)
class Value:
    """A tensor of the program."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def type(self) -> str:
        """Its MLIR type."""
        return f"tensor<{'x'.join([*map(str, self.shape), self.dtype])}>"


@dataclass(frozen=True)
class Scalar:
    """A number in the body of an operator."""

    name: str
    dtype: str


@dataclass(frozen=True)
class Argument:
    """An argument of the function, and how its elements are drawn."""

    value: Value
    fill: Fill


Compute = Callable[..., Scalar]
"""Writes a body: takes the body and a scalar per operand, gives what is yielded."""


class Body:
    """Lines of an operator's region."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.lines: list[str] = []

    def __call__(self, op: str, *operands: Scalar, to: str | None = None) -> Scalar:
        """One op of `arith`, or of the dialect that is named; `to` is the dtype of what a cast gives."""
        names = ", ".join(o.name for o in operands)
        name, _, predicate = op.partition(" ")
        full = name if "." in name else f"arith.{name}"
        written = f"{full} {predicate}, {names}" if predicate else f"{full} {names}"
        source = operands[-1].dtype
        return self.line(f"{written} : {f'{source} to {to}' if to else source}", "i1" if predicate else to or source)

    def line(self, text: str, dtype: str) -> Scalar:
        """A line that gives a number."""
        name = self.writer.fresh()
        self.lines.append(f"{name} = {text}")
        return Scalar(name, dtype)

    def number(self, value: float, dtype: str = "f32") -> Scalar:
        """A constant; it stands before the operator."""
        return self.writer.number(value, dtype)

    def index(self, dim: int) -> Scalar:
        """The iterator of a dimension."""
        return self.line(f"linalg.index {dim} : index", "index")

    def extract(self, table: Value, *places: Scalar) -> Scalar:
        """An element of a tensor; places of i64 become indices."""
        at = [p if p.dtype == "index" else self("index_cast", p, to="index") for p in places]
        return self.line(f"tensor.extract {table.name}[{', '.join(p.name for p in at)}] : {table.type}", table.dtype)

    def cast(self, value: Scalar, dtype: str) -> Scalar:
        """A float of another width."""
        if value.dtype == dtype:
            return value
        order = FLOATS.index(dtype) - FLOATS.index(value.dtype)
        return self("extf" if order > 0 else "truncf", value, to=dtype)


@dataclass
class Writer:
    """Writes one function."""

    arguments: list[Argument] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    _numbers: dict[tuple[str, str], Scalar] = field(default_factory=dict)
    _count: int = 0

    def fresh(self) -> str:
        """A name that nothing has."""
        self._count += 1
        return f"%{self._count - 1}"

    def text(self, *results: Value) -> str:
        """The module."""
        arguments = ", ".join(f"{a.value.name}: {a.value.type}" for a in self.arguments)
        types = ", ".join(r.type for r in results)
        body = "\n".join(f"    {line}" for line in self.lines)
        returned = ", ".join(r.name for r in results)
        head = f"  func.func @main({arguments}) -> ({types}) {{"
        return f"module {{\n{head}\n{body}\n    return {returned} : {types}\n  }}\n}}\n"

    def argument(self, shape: Sequence[int], dtype: str, fill: Fill = normal) -> Value:
        """An argument of the function."""
        value = Value(f"%arg{len(self.arguments)}", tuple(shape), dtype)
        self.arguments.append(Argument(value, fill))
        return value

    def number(self, value: float, dtype: str) -> Scalar:
        """A constant of the function."""
        written = f"{value:.16e}" if dtype in FLOATS and value != -inf else LOWEST.get(dtype) or str(int(value))
        if (written, dtype) not in self._numbers:
            name = f"%cst_{len(self._numbers)}"
            self.lines.insert(0, f"{name} = arith.constant {written} : {dtype}")
            self._numbers[written, dtype] = Scalar(name, dtype)
        return self._numbers[written, dtype]

    # -- operators ---------------------------------------------------------------------------

    def pointwise(self, compute: Compute, *values: Value, dtype: str | None = None) -> Value:
        """An elementwise operator of values that broadcast as NumPy's do.

        Args:
            compute: Its body; operands of narrow floats come as f32, and a result is rounded.
            values: Operands.
            dtype: Of the result, by default that of the first operand.
        """
        rank = max(len(v.shape) for v in values)
        shape = tuple(max(v.shape[d - rank] for v in values if d - rank >= -len(v.shape)) for d in range(rank))
        return self.mapped(compute, shape, [(v, _spread(v.shape, rank)) for v in values], dtype or values[0].dtype)

    def mapped(
        self, compute: Compute, shape: Sequence[int], operands: Sequence[tuple[Value, str]], dtype: str
    ) -> Value:
        """An elementwise operator whose operands have maps of their own, as "d0, d1 + d2"."""
        out = self.empty(shape, dtype)
        body = Body(self)
        scalars = [Scalar(f"%in{k}", v.dtype) for k, (v, _) in enumerate(operands)]
        given = compute(body, *(body.cast(s, COMPUTED_IN[s.dtype]) if s.dtype in COMPUTED_IN else s for s in scalars))
        yielded = body.cast(given, dtype) if dtype in FLOATS else given
        ident = ", ".join(f"d{d}" for d in range(len(shape)))
        return self.generic(operands, [(out, ident)], "p" * len(shape), body, [yielded])[0]

    def reduced(self, op: str, value: Value, dims: Sequence[int], start: float, *, keep: bool = True) -> Value:
        """A reduction by one op of `arith`, in the value's own dtype; kept dimensions have size 1."""
        rank, at = len(value.shape), [d % len(value.shape) for d in dims]
        shape = [1 if d in at else n for d, n in enumerate(value.shape) if keep or d not in at]
        to = ", ".join("0" if d in at else f"d{d}" for d in range(rank) if keep or d not in at)
        body = Body(self)
        taken, held = Scalar("%in0", value.dtype), Scalar("%out0", value.dtype)
        kinds = "".join("r" if d in at else "p" for d in range(rank))
        out = self.filled(shape, value.dtype, start)
        given = body(op, taken, held)
        return self.generic([(value, _spread(value.shape, rank, whole=True))], [(out, to)], kinds, body, [given])[0]

    def total(self, value: Value, dims: Sequence[int], *, keep: bool = True) -> Value:
        """The sum over some dimensions."""
        return self.reduced("addf", value, dims, 0.0, keep=keep)

    def mean(self, value: Value, dims: Sequence[int], *, keep: bool = True) -> Value:
        """The mean over some dimensions."""
        count = prod(value.shape[d] for d in dims)
        total = self.total(value, dims, keep=keep)
        return self.pointwise(lambda b, x: b("divf", x, b.number(count, x.dtype)), total)

    def largest(self, value: Value, dim: int, *, keep: bool = True) -> Value:
        """The maximum over a dimension."""
        return self.reduced("maximumf", value, [dim], -inf, keep=keep)

    def cast(self, value: Value, dtype: str) -> Value:
        """The same numbers in a float of another width; itself where that is its own."""
        if value.dtype == dtype:
            return value
        out, body = self.empty(value.shape, dtype), Body(self)
        map_ = _spread(value.shape, len(value.shape), whole=True)
        given = body.cast(Scalar("%in0", value.dtype), dtype)
        return self.generic([(value, map_)], [(out, map_)], "p" * len(value.shape), body, [given])[0]

    def binary(self, op: str, a: Value, b: Value) -> Value:
        """An elementwise operator of one op."""
        return self.pointwise(lambda body, x, y: body(op, x, y), a, b)

    def generic(
        self,
        ins: Sequence[tuple[Value, str]],
        outs: Sequence[tuple[Value, str]],
        kinds: str,
        body: Body,
        yielded: Sequence[Scalar],
    ) -> list[Value]:
        """A `linalg.generic`; in its body inputs are %in0 %in1 ..., outs %out0 ...

        Args:
            ins: Inputs with their maps.
            outs: Outs with theirs.
            kinds: A letter per iterator: `p`arallel or `r`eduction.
            body: Its lines.
            yielded: What they give.
        """
        dims = ", ".join(f"d{d}" for d in range(len(kinds)))
        maps = ", ".join(f"affine_map<({dims}) -> ({m})>" for _, m in (*ins, *outs))
        names = {"p": '"parallel"', "r": '"reduction"'}
        arguments = [f"%in{k}: {v.dtype}" for k, (v, _) in enumerate(ins)]
        arguments += [f"%out{k}: {v.dtype}" for k, (v, _) in enumerate(outs)]
        result, types = self.fresh(), [v.type for v, _ in outs]
        head = f"{{indexing_maps = [{maps}], iterator_types = [{', '.join(names[k] for k in kinds)}]}}"
        several = len(outs) > 1
        arrow = f"({', '.join(types)})" if several else types[0]
        self.lines += [
            f"{result}{f':{len(outs)}' if several else ''} = linalg.generic {head}{_operands('ins', ins)}"
            f"{_operands('outs', outs)} {{",
            f"^bb0({', '.join(arguments)}):",
            *(f"  {line}" for line in body.lines),
            f"  linalg.yield {', '.join(s.name for s in yielded)} : {', '.join(s.dtype for s in yielded)}",
            f"}} -> {arrow}",
        ]
        found = [f"{result}#{k}" for k in range(len(outs))] if several else [result]
        return [Value(name, v.shape, v.dtype) for name, (v, _) in zip(found, outs, strict=True)]

    def named(self, op: str, ins: Sequence[Value], out: Value, attributes: str = "") -> Value:
        """A named operator of linalg."""
        operands = [_operands(word, [(v, "") for v in values]) for word, values in (("ins", ins), ("outs", [out]))]
        return self._line(f"linalg.{op} {attributes}{''.join(operands)} -> {out.type}", out.shape, out.dtype)

    def matmul(self, a: Value, b: Value) -> Value:
        """A batched matrix product: (n, i, k) by (n, k, j), summed in f32."""
        out = self.filled((*a.shape[:2], b.shape[2]), COMPUTED_IN.get(a.dtype, a.dtype), 0.0)
        return self.cast(self.named("batch_matmul", [a, b], out), a.dtype)

    # -- shapes ------------------------------------------------------------------------------

    def empty(self, shape: Sequence[int], dtype: str) -> Value:
        """A tensor without content."""
        value = Value(self.fresh(), tuple(shape), dtype)
        self.lines.append(f"{value.name} = tensor.empty() : {value.type}")
        return value

    def filled(self, shape: Sequence[int], dtype: str, number: float) -> Value:
        """A tensor filled with a number."""
        constant, out = self.number(number, dtype), self.empty(shape, dtype)
        line = f"linalg.fill ins({constant.name} : {dtype}) outs({out.name} : {out.type}) -> {out.type}"
        return self._line(line, shape, dtype)

    def transposed(self, value: Value, permutation: Sequence[int]) -> Value:
        """Its dimensions in another order."""
        out = self.empty([value.shape[d] for d in permutation], value.dtype)
        line = f"linalg.transpose ins({value.name} : {value.type}) outs({out.name} : {out.type})"
        return self._line(f"{line} permutation = {list(permutation)}", out.shape, value.dtype)

    def expanded(self, value: Value, groups: Sequence[Sequence[int]]) -> Value:
        """Each dimension split into some, as [[2, 3], [4]]."""
        shape, at = [n for group in groups for n in group], iter(range(99))
        places = [[next(at) for _ in group] for group in groups]
        to = Value("", tuple(shape), value.dtype).type
        line = f"tensor.expand_shape {value.name} {places} output_shape {shape} : {value.type} into {to}"
        return self._line(line, shape, value.dtype)

    def collapsed(self, value: Value, groups: Sequence[Sequence[int]]) -> Value:
        """Neighbouring dimensions joined, as [[0], [1, 2]]."""
        shape = [prod(value.shape[d] for d in group) for group in groups]
        to = Value("", tuple(shape), value.dtype).type
        line = f"tensor.collapse_shape {value.name} {[list(g) for g in groups]} : {value.type} into {to}"
        return self._line(line, shape, value.dtype)

    def sliced(self, value: Value, offsets: Sequence[int], shape: Sequence[int]) -> Value:
        """A part of it."""
        steps, to = [1] * len(shape), Value("", tuple(shape), value.dtype).type
        line = f"tensor.extract_slice {value.name}{list(offsets)} {list(shape)} {steps} : {value.type} to {to}"
        return self._line(line, shape, value.dtype)

    def concatenated(self, dim: int, *values: Value) -> Value:
        """Values behind one another."""
        shape = list(values[0].shape)
        shape[dim] = sum(v.shape[dim] for v in values)
        names, types = ", ".join(v.name for v in values), ", ".join(v.type for v in values)
        to = Value("", tuple(shape), values[0].dtype).type
        return self._line(f"tensor.concat dim({dim}) {names} : ({types}) -> {to}", shape, values[0].dtype)

    def padded(self, value: Value, low: Sequence[int], high: Sequence[int], number: float) -> Value:
        """It within a border of a number."""
        shape = tuple(n + a + b for n, a, b in zip(value.shape, low, high, strict=True))
        constant, to = self.number(number, value.dtype), Value(self.fresh(), shape, value.dtype)
        places = ", ".join(f"%p{d}: index" for d in range(len(shape)))
        self.lines += [
            f"{to.name} = tensor.pad {value.name} low{list(low)} high{list(high)} {{",
            f"^bb0({places}):",
            f"  tensor.yield {constant.name} : {value.dtype}",
            f"}} : {value.type} to {to.type}",
        ]
        return to

    def _line(self, text: str, shape: Sequence[int], dtype: str) -> Value:
        value = Value(self.fresh(), tuple(shape), dtype)
        self.lines.append(f"{value.name} = {text}")
        return value


def _operands(word: str, values: Sequence[tuple[Value, str]]) -> str:
    if not values:
        return ""
    return f" {word}({', '.join(v.name for v, _ in values)} : {', '.join(v.type for v, _ in values)})"


def _spread(shape: Sequence[int], rank: int, *, whole: bool = False) -> str:
    """The map by which a value is broadcast to a rank: sizes of 1 stand still unless it is `whole`."""
    first = rank - len(shape)
    return ", ".join("0" if n == 1 and rank > 0 and not whole else f"d{first + d}" for d, n in enumerate(shape))
