"""Programs of linalg that fold and spread again, written as chains of Python calls, in any float type.

p = RowProgram({"r": 9, "c": 33})
x = p.input("rc")
m = p.fold("maximumf", x, "c")
e = p.each("rc", lambda b, a, m: b.exp(b.sub(a, m)), x, m)
text = p.text(p.fold("addf", e, "c"))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

NEUTRAL = {"maximumf": "-inf", "minimumf": "inf", "addf": "0", "mulf": "1"}
BITS = {
    "f32": {"-inf": "0xFF800000", "inf": "0x7F800000"},
    "f64": {"-inf": "0xFFF0000000000000", "inf": "0x7FF0000000000000"},
}
UNARY = ("exp", "exp2", "log", "cosh", "absf", "sqrt", "rsqrt", "tanh", "sin", "powf")


@dataclass(frozen=True)
class Rows:
    """A tensor: its name in the program and its dimensions, a letter each."""

    name: str
    dims: str


@dataclass
class Body:
    """Writes the body of an elementwise operator."""

    dtype: str
    prefix: str
    lines: list[str] = field(default_factory=list[str])

    def _op(self, name: str, *operands: str) -> str:
        made = f"%{self.prefix}{len(self.lines)}"
        self.lines.append(f"    {made} = {name} {', '.join(operands)} : {self.dtype}")
        return made

    def constant(self, value: float) -> str:
        """A number."""
        made = f"%{self.prefix}{len(self.lines)}"
        self.lines.append(f"    {made} = arith.constant {value:.17e} : {self.dtype}")
        return made

    def __getattr__(self, name: str) -> Callable[..., str]:
        full = f"math.{name}" if name in UNARY else f"arith.{name}f"
        return lambda *operands: self._op(full, *operands)

    def positive(self, x: str, then: str, other: str) -> str:
        """One value where x is positive, another elsewhere."""
        zero = self.constant(0.0)
        flag = f"%{self.prefix}{len(self.lines)}"
        self.lines.append(f"    {flag} = arith.cmpf ogt, {x}, {zero} : {self.dtype}")
        return self._op("arith.select", flag, then, other)


@dataclass
class RowProgram:
    """A function that grows by one operator per call; the sizes of dimensions that are open it learns when called."""

    sizes: Mapping[str, int]
    dtype: str = "f32"
    open: str = ""
    inputs: list[Rows] = field(default_factory=list[Rows])
    lines: list[str] = field(default_factory=list[str])

    def _type(self, dims: str) -> str:
        return f"tensor<{''.join('?x' if d in self.open else f'{self.sizes[d]}x' for d in dims)}{self.dtype}>"

    def _name(self) -> str:
        return f"%v{len(self.lines)}"

    def input(self, dims: str) -> Rows:
        """One more argument."""
        self.inputs.append(Rows(f"%x{len(self.inputs)}", dims))
        return self.inputs[-1]

    def _map(self, all_: str, dims: str) -> str:
        return f"affine_map<({', '.join(all_)}) -> ({', '.join(dims)})>"

    def _filled(self, dims: str, value: str) -> str:
        empty, scalar, filled = (f"{self._name()}{end}" for end in ("e", "s", "f"))
        value = BITS[self.dtype].get(value, f"{float(value):e}")
        type_ = self._type(dims)
        lengths = [f"%n{d}" for d in dims if d in self.open]
        self.lines.append(
            f"  {scalar} = arith.constant {value} : {self.dtype}\n"
            f"  {empty} = tensor.empty({', '.join(lengths)}) : {type_}\n"
            f"  {filled} = linalg.fill ins({scalar} : {self.dtype}) outs({empty} : {type_}) -> {type_}"
        )
        return filled

    def _generic(self, loops: str, dims: str, out: str, body: str, args: str, *operands: Rows) -> Rows:
        made = Rows(self._name(), dims)
        maps = ", ".join(self._map(loops, v.dims) for v in (*operands, made))
        kinds = ", ".join('"parallel"' if d in dims else '"reduction"' for d in loops)
        types = ", ".join(self._type(v.dims) for v in operands)
        self.lines.append(
            f"  {made.name} = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{kinds}]}} "
            f"ins({', '.join(v.name for v in operands)} : {types}) outs({out} : {self._type(dims)}) {{\n"
            f"  ^bb0({args}):\n{body}  }} -> {self._type(dims)}"
        )
        return made

    def each(self, dims: str, body: Callable[..., str], *operands: Rows) -> Rows:
        """An elementwise operator; operands of fewer dimensions are spread."""
        out = self._filled(dims, "0")
        names = [f"%a{at}" for at in range(len(operands))]
        writer = Body(self.dtype, "b")
        result = body(writer, *names)
        text = "\n".join([*writer.lines, f"    linalg.yield {result} : {self.dtype}\n"])
        args = ", ".join(f"{name}: {self.dtype}" for name in [*names, "%o"])
        return self._generic(dims, dims, out, text, args, *operands)

    def fold(self, kind: str, x: Rows, over: str, init: str | None = None) -> Rows:
        """A reduction."""
        dims = "".join(d for d in x.dims if d not in over)
        out = self._filled(dims, NEUTRAL[kind] if init is None else init)
        body = f"    %b = arith.{kind} %a, %o : {self.dtype}\n    linalg.yield %b : {self.dtype}\n"
        return self._generic(x.dims, dims, out, body, f"%a: {self.dtype}, %o: {self.dtype}", x)

    def contract(self, x: Rows, y: Rows, dims: str) -> Rows:
        """Sums of products, along what the result lacks."""
        loops = "".join(dict.fromkeys(dims + x.dims + y.dims))
        body = (
            f"    %p = arith.mulf %a, %b : {self.dtype}\n    %s = arith.addf %o, %p : {self.dtype}\n"
            f"    linalg.yield %s : {self.dtype}\n"
        )
        args = ", ".join(f"{name}: {self.dtype}" for name in ("%a", "%b", "%o"))
        return self._generic(loops, dims, self._filled(dims, "0"), body, args, x, y)

    def _lengths(self) -> list[str]:
        """The sizes of open dimensions, asked of the first argument that has each."""
        made: list[str] = []
        for d in self.open:
            tensor = next((v for v in self.inputs if d in v.dims), None)
            if tensor is not None:
                made.append(f"  %i{d} = arith.constant {tensor.dims.index(d)} : index")
                made.append(f"  %n{d} = tensor.dim {tensor.name}, %i{d} : {self._type(tensor.dims)}")
        return made

    def text(self, *results: Rows) -> str:
        """The function."""
        takes = ", ".join(f"{v.name}: {self._type(v.dims)}" for v in self.inputs)
        types = ", ".join(self._type(v.dims) for v in results)
        body = "\n".join([*self._lengths(), *self.lines])
        gives = ", ".join(v.name for v in results)
        return f"func.func @main({takes}) -> ({types}) {{\n{body}\n  return {gives} : {types}\n}}\n"
