"""Sorting in words that others know: an element goes where as many lie as come before it.

    tm_tensor.sort dimension(d) outs(%x, %places)
    stablehlo.sort(%x, %places) dimension = d
  ⇒ %ranks = linalg.generic   ranks[.., j, ..] = how many x[.., k, ..] come before x[.., j, ..]
    tensor.scatter %x, and %places, at %ranks

    chlo.top_k(%x)
  ⇒ the same of %x and of places, and what lies first of both

N elements are compared with one another N times, in registers: nothing of that size is in memory. Equal ones keep
their order, and what is no number comes behind all numbers, as PyTorch and JAX have it; where a sort descends, before
them. In the total order of IEEE 754, which JAX asks for elsewhere, -0 is less than 0, and no number of negative sign
less than all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

UP = ("ole", "olt", "ule", "ult", "sle", "slt", "LT", "LE")
DOWN = ("oge", "ogt", "uge", "ugt", "sge", "sgt", "GT", "GE")
RANK = "i32"


def restate_sort(op: Any, ir: Any) -> list[Any] | None:
    """Says a sort of one tensor, and of others by it, in other words.

    Args:
        op: A `tm_tensor.sort` or `stablehlo.sort` in torch-mlir's bindings; code is put where their insertion point is.
        ir: Those bindings.

    Returns:
        What its results become; None if it isn't known what comes first.
    """
    block = op.regions[0].blocks[0]
    compared = _producer(block.operations[len(block.operations) - 1].operands[0])
    if compared is None or compared.name not in ("arith.cmpf", "arith.cmpi", "stablehlo.compare"):
        return None
    left, right = (_argument(operand, block) for operand in compared.operands)
    direction = next((each for each in UP + DOWN if each in _words(compared)), None)
    if direction is None or left is None or left % 2 or right != left + 1:
        return None
    key = left // 2
    given = list(op.operands)
    order = [given[key], *given[:key], *given[key + 1 :]]
    if ir.RankedTensorType(given[key].type).rank == 0:
        return given
    is_total = "TOTALORDER" in _words(compared) and compared.operands[0] in list(block.arguments)
    made = _sorted(order, op.attributes["dimension"].value, ir, descending=direction in DOWN, is_total=is_total)
    return [*made[1 : key + 1], made[0], *made[key + 1 :]]


def restate_top_k(op: Any, ir: Any) -> list[Any]:
    """Says which are the greatest of each row, and where they are, in other words; arguments as of `restate_sort`."""
    (x,) = op.operands
    numbers, places = (ir.RankedTensorType(result.type) for result in op.results)
    type_ = ir.RankedTensorType(x.type)
    index = ir.RankedTensorType.get(type_.shape, places.element_type)
    maps = str(ir.AffineMapAttr.get(ir.AffineMap.get_identity(type_.rank, op.context)))
    parallel = ", ".join(['"parallel"'] * type_.rank)
    (where,) = _inserted(
        f"""
        func.func @places(%x: {type_}) -> {index} {{
          %e = tensor.empty() : {index}
          %p = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{parallel}]}} outs(%e : {index}) {{
          ^bb0(%o: {index.element_type}):
            %i = linalg.index {type_.rank - 1} : index
            %n = arith.index_cast %i : index to {index.element_type}
            linalg.yield %n : {index.element_type}
          }} -> {index}
          return %p : {index}
        }}
        """,
        [x],
        ir,
    )
    made = _sorted([x, where], type_.rank - 1, ir, descending=True, is_total=True)
    zeros, ones = [0] * type_.rank, [1] * type_.rank
    slices = "\n".join(
        f"%s{at} = tensor.extract_slice %x{at}{zeros} {list(part.shape)} {ones} : {value.type} to {part}"
        for at, (value, part) in enumerate(zip(made, (numbers, places), strict=True))
    )
    text = f"""
        func.func @first(%x0: {made[0].type}, %x1: {made[1].type}) -> ({numbers}, {places}) {{
          {slices}
          return %s0, %s1 : {numbers}, {places}
        }}
    """
    return _inserted(text, made, ir)


def _producer(value: Any) -> Any:
    """The operation that makes a value; None for an argument of a block."""
    owner = value.owner
    return getattr(owner, "operation", None) if not hasattr(owner, "arguments") else None


def _argument(value: Any, block: Any) -> int | None:
    """The one argument of a block from which alone a value is made."""
    arguments = list(block.arguments)
    found: set[int] = set()
    stack = [value]
    while stack:
        each = stack.pop()
        if each in arguments:
            found.add(arguments.index(each))
        elif (made := _producer(each)) is not None:
            stack += list(made.operands)
    return found.pop() if len(found) == 1 else None


def _words(op: Any) -> list[str]:
    """The words of an operation's custom form, among which its predicate is."""
    return op.get_asm().replace(",", " ").split()


def _sorted(tensors: Sequence[Any], along: int, ir: Any, *, descending: bool, is_total: bool) -> list[Any]:
    """Emits the sort of a tensor, and of others by it."""
    keys = ir.RankedTensorType(tensors[0].type)
    sizes = [None if keys.is_dynamic_dim(at) else keys.get_dim_size(at) for at in range(keys.rank)]
    element = str(keys.element_type)
    first, second = ("%this", "%other") if descending else ("%other", "%this")
    sooner = _less("%sooner", first, second, element, is_total=is_total)
    body = sooner + _less("%later", second, first, element, is_total=is_total)
    text = _program([str(value.type) for value in tensors], sizes, along, element, body)
    return _inserted(text, tensors, ir)


def _inserted(text: str, operands: Sequence[Any], ir: Any) -> list[Any]:
    """Puts the body of a function where the insertion point is; gives what it returns."""
    module = ir.Module.parse(text, operands[0].context)
    block = module.body.operations[0].regions[0].blocks[0]
    *made, end = block.operations
    values = dict(zip(block.arguments, operands, strict=True))
    for each in made:
        copy = each.operation.clone()
        for place, operand in enumerate(each.operands):
            copy.operands[place] = values[operand]
        values |= dict(zip(each.results, copy.results, strict=True))
    return [values[operand] for operand in end.operands]


def _program(types: Sequence[str], sizes: Sequence[int | None], along: int, element: str, compare: str) -> str:
    """A function of the tensors to be sorted, by lines that say whether an element comes sooner, and later."""
    rank = len(sizes)
    dims = [f"d{at}" for at in range(rank)]
    others = [f"d{rank}" if at == along else dim for at, dim in enumerate(dims)]
    space = ", ".join([*dims, f"d{rank}"])
    shape = "x".join("?" if size is None else str(size) for size in sizes)
    ranks, places = f"tensor<{shape}x{RANK}>", f"tensor<{shape}x{rank}x{RANK}>"
    open_dims = [at for at, size in enumerate(sizes) if size is None]
    dynamic = ", ".join(f"%n{at}" for at in open_dims)
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
        {compare}
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


def _less(name: str, left: str, right: str, element: str, *, is_total: bool) -> str:
    """Lines of a body that say whether one element is less than another."""
    if not element.startswith(("f", "bf")):
        return f"{name} = arith.cmpi {'ult' if element == 'i1' else 'slt'}, {left}, {right} : {element}\n"
    if is_total:
        keys = _key(f"{name}_left", left, element) + _key(f"{name}_right", right, element)
        bits = _bits(element)
        return keys + f"{name} = arith.cmpi slt, {name}_left, {name}_right : i{bits}\n"
    return f"""{name}_number = arith.cmpf ord, {left}, {left} : {element}
        {name}_under = arith.cmpf ult, {left}, {right} : {element}
        {name} = arith.andi {name}_number, {name}_under : i1
"""


def _key(name: str, value: str, element: str) -> str:
    """Lines that make an integer of a float, which has its place in the total order."""
    type_, bits = f"i{_bits(element)}", _bits(element)
    return f"""{name}_bits = arith.bitcast {value} : {element} to {type_}
        {name}_width = arith.constant {bits - 1} : {type_}
        {name}_most = arith.constant {2 ** (bits - 1) - 1} : {type_}
        {name}_sign = arith.shrsi {name}_bits, {name}_width : {type_}
        {name}_turn = arith.andi {name}_sign, {name}_most : {type_}
        {name} = arith.xori {name}_bits, {name}_turn : {type_}
"""


def _bits(element: str) -> int:
    found = re.match(r"b?f(\d+)", element)
    return int(found[1]) if found else 0
