"""Small helpers that write MLIR text, so that a program in this package fits a few lines.

Types are abbreviated: "4x?xf32" stands for `tensor<4x?xf32>`, "f32" for `tensor<f32>` and "!f32"
for the scalar. Indexing maps are strings over the iterators' letters: over the iterators "ij",
"ji" is `(d1, d0)`, "i0" is `(d0, 0)` and "" is `()`.
"""

from __future__ import annotations

from collections.abc import Sequence

Operand = tuple[str, str, str]
"""An operand of a generic: SSA value, abbreviated type, map."""

IN_NAMES = ("a", "b", "c", "d", "e", "f", "g", "h")
OUT_NAMES = ("u", "v", "w", "t")


def tensor(short: str) -> str:
    """The MLIR type of an abbreviated one."""
    return short[1:] if short.startswith("!") else f"tensor<{short}>"


def element(short: str) -> str:
    """The element type of an abbreviated type."""
    return "index" if short.endswith("index") else short.removeprefix("!").rsplit("x", 1)[-1]


def function(args: str, returns: str, body: str, *, name: str = "main", rest: str = "") -> str:
    """A module of one function.

    Args:
        args: "x:4x8xf32 y:f32", names and abbreviated types.
        returns: "r:4x8xf32", values and types of what is returned.
        body: Lines before the return.
        name: The function's name.
        rest: Other functions of the module.
    """
    arguments = ", ".join(f"%{n}: {tensor(t)}" for n, t in (a.split(":", 1) for a in args.split()))
    results = [r.split(":", 1) for r in returns.split()]
    types = ", ".join(tensor(t) for _, t in results)
    arrow = f" -> ({types})" if results else ""
    last = f"return {', '.join('%' + n for n, _ in results)} : {types}" if results else "return"
    return f"func.func @{name}({arguments}){arrow} {{\n{body}\n  {last}\n}}\n{rest}"


def affine_map(iterators: str, result: str) -> str:
    """The affine map of an abbreviated one."""
    dims = ", ".join(f"d{i}" for i in range(len(iterators)))
    terms = ", ".join(letter if letter.isdigit() else f"d{iterators.index(letter)}" for letter in result)
    return f"affine_map<({dims}) -> ({terms})>"


def generic(
    result: str, iterators: str, ins: Sequence[Operand], outs: Sequence[Operand], body: str, *, reduced: str = ""
) -> str:
    """One `linalg.generic`; in its body inputs are %a %b %c ..., outs %u %v %w.

    Args:
        result: Name of the result, "r" or "r:2".
        iterators: A letter per iterator, outermost first.
        ins: Inputs.
        outs: Outs; their types are the results' types.
        body: Lines of the body, the yield included.
        reduced: The letters of the iterators that are reductions.
    """
    maps = ", ".join(affine_map(iterators, m) for _, _, m in (*ins, *outs))
    kinds = ", ".join('"reduction"' if letter in reduced else '"parallel"' for letter in iterators)
    ins_text = f" ins({', '.join(v for v, _, _ in ins)} : {', '.join(tensor(t) for _, t, _ in ins)})" if ins else ""
    outs_text = f" outs({', '.join(v for v, _, _ in outs)} : {', '.join(tensor(t) for _, t, _ in outs)})"
    names = [*IN_NAMES[: len(ins)], *OUT_NAMES[: len(outs)]]
    block = ", ".join(f"%{n}: {element(t)}" for n, (_, t, _) in zip(names, (*ins, *outs), strict=True))
    types = ", ".join(tensor(t) for _, t, _ in outs)
    arrow = f"({types})" if len(outs) > 1 else types
    return (
        f"  %{result} = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{kinds}]}}"
        f"{ins_text}{outs_text} {{\n"
        f"  ^bb0({block}):\n    {body}\n  }} -> {arrow}\n"
    )


def empty(name: str, short: str, *sizes: str) -> str:
    """A `tensor.empty`; `sizes` are the values of its dynamic dimensions."""
    return f"  %{name} = tensor.empty({', '.join(sizes)}) : {tensor(short)}\n"


def filled(name: str, short: str, value: str, *sizes: str) -> str:
    """A tensor filled with a constant, through `linalg.fill`."""
    kind = element(short)
    return (
        f"  %{name}_c = arith.constant {value} : {kind}\n"
        + empty(f"{name}_e", short, *sizes)
        + f"  %{name} = linalg.fill ins(%{name}_c : {kind}) outs(%{name}_e : {tensor(short)}) -> {tensor(short)}\n"
    )


def dim(name: str, value: str, short: str, axis: int) -> str:
    """The size of a dimension."""
    return f"  %{name}_i = arith.constant {axis} : index\n  %{name} = tensor.dim {value}, %{name}_i : {tensor(short)}\n"


def mapped(args: str, result: str, body: str, *, name: str = "main") -> str:
    """A whole module: one elementwise generic over arguments of one static shape.

    Args:
        args: "x:4x8xf32 y:4x8xi1", as `function` takes them; %a %b ... in the body.
        result: The result's abbreviated type, of the same shape.
        body: The body, yield included.
        name: The function's name.
    """
    letters = "ijklmn"[: result.count("x") - (1 if result.endswith("index") else 0)]
    ins = [(f"%{n}", t, letters) for n, t in (a.split(":", 1) for a in args.split())]
    text = empty("empty", result) + generic("r", letters, ins, [("%empty", result, letters)], body)
    return function(args, f"r:{result}", text, name=name)
