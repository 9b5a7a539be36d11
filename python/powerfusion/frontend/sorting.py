"""Sorting in words that others know: an element goes where as many lie as come before it.

    tm_tensor.sort dimension(d) outs(%x, %places)
  ⇒ %ranks = linalg.generic   ranks[.., j, ..] = how many x[.., k, ..] come before x[.., j, ..]
    tensor.scatter %x, and %places, at %ranks

N elements are compared with one another N times, in registers: nothing of that size is in memory. Equal ones keep
their order, and what is no number comes behind all numbers, as PyTorch has it; where a sort descends, before them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

UP = ("ole", "olt", "ule", "ult", "sle", "slt")
DOWN = ("oge", "ogt", "uge", "ugt", "sge", "sgt")
RANK = "i32"


def restate_sort(op: Any, ir: Any) -> list[Any] | None:
    """Says a sort of one tensor, and of others by it, in other words.

    Args:
        op: A `tm_tensor.sort` in torch-mlir's bindings; code is put where their insertion point is.
        ir: Those bindings.

    Returns:
        What its results become; None if it isn't known what comes first.
    """
    keys = ir.RankedTensorType(op.operands[0].type)
    predicate = _predicate(op)
    if predicate is None or keys.rank == 0:
        return None
    text = _program(
        [str(value.type) for value in op.operands],
        [None if keys.is_dynamic_dim(at) else keys.get_dim_size(at) for at in range(keys.rank)],
        op.attributes["dimension"].value,
        str(keys.element_type),
        predicate,
    )
    module = ir.Module.parse(text, op.context)
    (function,) = module.body.operations
    *made, end = function.regions[0].blocks[0].operations
    values = dict(zip(function.regions[0].blocks[0].arguments, op.operands, strict=True))
    for each in made:
        copy = each.operation.clone()
        for place, operand in enumerate(each.operands):
            copy.operands[place] = values[operand]
        values |= dict(zip(each.results, copy.results, strict=True))
    return [values[operand] for operand in end.operands]


def _predicate(op: Any) -> str | None:
    """How the first operand's elements are compared, as arith spells it; None for anything but that."""
    block = op.regions[0].blocks[0]
    inner = [each.operation for each in block.operations]
    if len(inner) != 2 or inner[0].name not in ("arith.cmpf", "arith.cmpi") or inner[1].operands[0] != inner[0].result:
        return None
    if list(inner[0].operands) != list(block.arguments)[:2]:
        return None
    predicate = inner[0].get_asm().split("arith.cmp")[1].split()[1].rstrip(",")
    return predicate if predicate in UP + DOWN else None


def _program(types: Sequence[str], sizes: Sequence[int | None], along: int, element: str, predicate: str) -> str:
    """A function of the tensors to be sorted."""
    rank = len(sizes)
    dims = [f"d{at}" for at in range(rank)]
    others = [f"d{rank}" if at == along else dim for at, dim in enumerate(dims)]
    space = ", ".join([*dims, f"d{rank}"])
    shape = "x".join("?" if size is None else str(size) for size in sizes)
    ranks, places = f"tensor<{shape}x{RANK}>", f"tensor<{shape}x{rank}x{RANK}>"
    open_dims = [at for at, size in enumerate(sizes) if size is None]
    dynamic = ", ".join(f"%n{at}" for at in open_dims)
    first, second = ("%this", "%other") if predicate in DOWN else ("%other", "%this")
    sizes_of = "\n".join(
        f"%i{at} = arith.constant {at} : index\n%n{at} = tensor.dim %x0, %i{at} : {types[0]}" for at in open_dims
    )
    coordinates = "\n".join(_coordinate(at, rank, along) for at in range(rank))
    scatters = "\n".join(
        f"%y{at} = tensor.scatter %x{at} into %x{at}[%places] scatter_dims([{', '.join(map(str, range(rank)))}]) unique"
        f" : ({type_}, {type_}, {places}) -> {type_}"
        for at, type_ in enumerate(types)
    )
    parallel = ", ".join(['"parallel"'] * rank)
    given = ", ".join(f"%x{at}: {type_}" for at, type_ in enumerate(types))
    results = ", ".join(f"%y{at}" for at in range(len(types)))
    return f"""
    func.func @sort({given}) -> ({", ".join(types)}) {{
      {sizes_of}
      %none = tensor.empty({dynamic}) : {ranks}
      %zero = arith.constant 0 : {RANK}
      %from = linalg.fill ins(%zero : {RANK}) outs(%none : {ranks}) -> {ranks}
      %ranks = linalg.generic {{
        indexing_maps = [affine_map<({space}) -> ({", ".join(others)})>, affine_map<({space}) -> ({", ".join(dims)})>,
                         affine_map<({space}) -> ({", ".join(dims)})>],
        iterator_types = [{parallel}, "reduction"]
      }} ins(%x0, %x0 : {types[0]}, {types[0]}) outs(%from : {ranks}) {{
      ^bb0(%other: {element}, %this: {element}, %count: {RANK}):
        {_less("%sooner", first, second, element, predicate)}
        {_less("%later", second, first, element, predicate)}
        %true = arith.constant true
        %no_later = arith.xori %later, %true : i1
        %k = linalg.index {rank} : index
        %j = linalg.index {along} : index
        %ahead = arith.cmpi ult, %k, %j : index
        %before = arith.select %ahead, %no_later, %sooner : i1
        %one = arith.extui %before : i1 to {RANK}
        %sum = arith.addi %count, %one : {RANK}
        linalg.yield %sum : {RANK}
      }} -> {ranks}
      %nowhere = tensor.empty({dynamic}) : {places}
      %places = linalg.generic {{
        indexing_maps = [affine_map<({space}) -> ({", ".join(dims)})>, affine_map<({space}) -> ({space})>],
        iterator_types = [{parallel}, "parallel"]
      }} ins(%ranks : {ranks}) outs(%nowhere : {places}) {{
      ^bb0(%rank: {RANK}, %unused: {RANK}):
        %dim = linalg.index {rank} : index
        %at_start = arith.constant 0 : {RANK}
        {coordinates}
        linalg.yield %at{rank - 1} : {RANK}
      }} -> {places}
      {scatters}
      return {results} : {", ".join(types)}
    }}
    """


def _coordinate(at: int, rank: int, along: int) -> str:
    """Lines of a body that chooses the coordinate of one dimension where it is that one's turn."""
    where = f"%index{at} = linalg.index {at} : index\n%c{at} = arith.index_cast %index{at} : index to {RANK}"
    value = "%rank" if at == along else f"%c{at}"
    before = f"%at{at - 1}" if at else "%at_start"
    return f"""{where}
        %number{at} = arith.constant {at} : index
        %turn{at} = arith.cmpi eq, %dim, %number{at} : index
        %at{at} = arith.select %turn{at}, {value}, {before} : {RANK}"""


def _less(name: str, left: str, right: str, element: str, predicate: str) -> str:
    """Lines of a body that say whether one element is less than another, and what is no number the greatest."""
    if not element.startswith(("f", "bf")):
        return f"{name} = arith.cmpi {predicate[0]}lt, {left}, {right} : {element}"
    return f"""{name}_number = arith.cmpf ord, {left}, {left} : {element}
        {name}_under = arith.cmpf ult, {left}, {right} : {element}
        {name} = arith.andi {name}_number, {name}_under : i1"""
