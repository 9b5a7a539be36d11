"""GIR's Python faces: attributes, registration, the movement interface, types and the kernel builder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from powerfusion.dialects import gir
from powerfusion.mlir import ir


@pytest.fixture
def context() -> Iterator[ir.Context]:
    """A context, entered, with an unknown location."""
    with ir.Context() as made, ir.Location.unknown():
        yield made


def entry_block(module: ir.Module) -> ir.Block:
    """The entry block of a module's first function; the caller keeps the module."""
    return module.body.operations[0].regions[0].blocks[0]


@pytest.mark.parametrize("level", ["dram", "sram", "reg"])
def test_at_of_level(context: ir.Context, level: str) -> None:
    """A place of which only the level is said."""
    place = gir.AtAttr.get(level)
    assert str(place) == f"#gir.at<{level}>"
    assert (place.level, place.space, place.layout) == (level, "", None)
    assert place == gir.at(level) == ir.Attribute.parse(f"#gir.at<{level}>")


def test_at_of_space_and_layout(context: ir.Context) -> None:
    """Space and layout come back as they were given."""
    layout = gir.LanesAttr.get([1, 32], [1, 4])
    place = gir.AtAttr.get("reg", space="nram", layout=layout)
    assert str(place) == '#gir.at<reg, space = "nram", layout = <[1, 32], [1, 4]>>'
    assert (place.level, place.space, place.layout) == ("reg", "nram", layout)
    assert isinstance(gir.AtAttr(place).layout, gir.LanesAttr)


def test_lanes(context: ir.Context) -> None:
    """Counts per dimension, in order."""
    layout = gir.LanesAttr.get([2, 16], [8, 1])
    assert str(layout) == "#gir.lanes<[2, 16], [8, 1]>"
    assert (layout.lanes, layout.elements) == ([2, 16], [8, 1])


def test_attributes_have_their_class(context: ir.Context) -> None:
    """What MLIR hands out is a `gir.AtAttr` without a cast."""
    tensor = ir.RankedTensorType(ir.Type.parse("tensor<4xf32, #gir.at<reg, layout = <[2], [2]>>>"))
    place = tensor.encoding
    assert isinstance(place, gir.AtAttr)
    assert isinstance(gir.AtAttr(place).layout, gir.LanesAttr)
    assert not gir.AtAttr.isinstance(ir.StringAttr.get("reg"))
    with pytest.raises(ValueError, match="Cannot cast attribute to AtAttr"):
        gir.AtAttr(ir.StringAttr.get("reg"))


def test_attributes_in_a_context_that_is_not_entered() -> None:
    """The context can be an argument."""
    made = ir.Context()
    assert str(gir.AtAttr.get("sram", context=made)) == "#gir.at<sram>"
    assert str(gir.LanesAttr.get([1], [2], context=made)) == "#gir.lanes<[1], [2]>"


@pytest.mark.parametrize(
    ("lanes", "elements", "complaint"),
    [
        ([1, 2], [1], "expected as many lane counts as element counts"),
        ([], [], "at least one, got 0 and 0"),
        ([1], [0], "expected counts of at least 1, got 0"),
        ([2**32], [2**32], "expected rounds of less than 2\\^63 elements, got 4294967296 x 4294967296"),
    ],
)
def test_lanes_are_verified(context: ir.Context, lanes: list[int], elements: list[int], complaint: str) -> None:
    """Python makes no layout that the textual form refuses."""
    with pytest.raises(ValueError, match=complaint):
        gir.LanesAttr.get(lanes, elements)


def test_at_is_verified(context: ir.Context) -> None:
    """Python makes no place that the textual form refuses."""
    layout = gir.LanesAttr.get([4], [1])
    with pytest.raises(ValueError, match="expected level dram, sram or reg, got 'cache'"):
        gir.AtAttr.get("cache")
    with pytest.raises(ValueError, match="expected a layout only at reg, got one at dram"):
        gir.AtAttr.get("dram", layout=layout)
    with pytest.raises(ValueError, match="expected a LanesAttr as layout"):
        gir.AtAttr.get("reg", layout=ir.StringAttr.get("rows"))
    with pytest.raises(ir.MLIRError, match="expected a layout that covers dimension 0 of size 6, got rounds of 4"):
        ir.RankedTensorType.get([6], ir.F32Type.get(), gir.AtAttr.get("reg", layout=layout))


def test_register_in_an_existing_context() -> None:
    """A context made without GIR knows it afterwards; twice is as good as once."""
    with ir.Context(load_on_create_dialects=[]) as made:
        gir.register(made)
        gir.register(made)
        assert made.dialects["gir"] is not None
        assert isinstance(ir.Attribute.parse("#gir.at<dram>"), gir.AtAttr)


MOVEMENTS = """
func.func @f(%x: tensor<4x8xf32, #gir.at<dram>>, %y: memref<?x?xf32, #gir.at<sram>>, %i: index) {
  %0 = gir.move %x : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
  %1 = gir.load %y[%i, %i] : memref<?x?xf32, #gir.at<sram>> -> tensor<1x16xf32, #gir.at<reg, space = "nram">>
  gir.store %0, %y[%i, %i] : tensor<4x8xf32, #gir.at<reg>>, memref<?x?xf32, #gir.at<sram>>
  %2 = gir.permute %0 [1, 0] : tensor<4x8xf32, #gir.at<reg>> -> tensor<8x4xf32, #gir.at<reg>>
  return
}
"""


def test_movement(context: ir.Context) -> None:
    """Where from, where to and the window's type, for what moves data; None for what doesn't."""
    module = ir.Module.parse(MOVEMENTS)
    move, load, store, permute, ret = entry_block(module).operations
    assert [str(part) for part in gir.movement(move)] == [
        "#gir.at<dram>",
        "#gir.at<reg>",
        "tensor<4x8xf32, #gir.at<reg>>",
    ]
    assert [str(part) for part in gir.movement(load)] == [
        "#gir.at<sram>",
        '#gir.at<reg, space = "nram">',
        'tensor<1x16xf32, #gir.at<reg, space = "nram">>',
    ]
    assert [str(part) for part in gir.movement(store)] == [
        "#gir.at<reg>",
        "#gir.at<sram>",
        "tensor<4x8xf32, #gir.at<reg>>",
    ]
    assert gir.movement(permute) is None
    assert gir.movement(ret.operation) is None
    source, result, moved = gir.movement(move.operation)
    assert (source.level, result.level) == ("dram", "reg")
    assert ir.RankedTensorType(moved).shape == [4, 8]


BYTES = """
!dram = memref<?x?xf16, #gir.at<dram>>
!sram = memref<?x?xf16, #gir.at<sram>>
!flags = memref<?xi1, #gir.at<dram>>
!places = memref<?xindex, #gir.at<dram>>
!index = tensor<4x?xindex, #gir.at<reg>>
func.func @f(%x: tensor<4x?x?xf32, #gir.at<dram>>, %y: !dram, %s: !sram, %i: index, %n: index, %p: !index,
             %b: !flags, %m: !places) {
  %c3 = arith.constant 3 : index
  %0 = gir.move %x : tensor<4x?x?xf32, #gir.at<dram>> -> tensor<4x?x?xf32, #gir.at<reg>>
  %1 = gir.load %y[%i, %i] : !dram -> tensor<2x16xf16, #gir.at<reg>>
  %2 = gir.load %y[%i, %i] clip : !dram -> tensor<2x16xf16, #gir.at<reg>>
  gir.store %1, %y[%i, %i] valid [%c3, %n] : tensor<2x16xf16, #gir.at<reg>>, !dram
  %t = gir.copy %y[%i, %i], %s[%i, %i] [%n, %n] : !dram -> !sram
  gir.wait %t
  %3 = gir.stage %y[%i, %i] [5, %n] : !dram -> memref<5x?xf16, #gir.at<sram>>
  %4 = gir.gather %b[%p] : !flags[!index] -> tensor<4x?xi1, #gir.at<reg>>
  gir.scatter %4 into %b[%p] valid [%n, %c3] : tensor<4x?xi1, #gir.at<reg>> into !flags[!index]
  gir.scatter %p into %m[%p] : !index into !places[!index]
  return
}
"""


def test_moved_bytes(context: ir.Context) -> None:
    """Elements times their size; a size that isn't known is a symbol, with the value that says it."""
    module = ir.Module.parse(BYTES)
    block = entry_block(module)
    x, _, _, _, n, p, *_ = block.arguments
    ops = [op for op in block.operations if gir.movement(op)]
    found = [gir.moved_bytes(op) for op in ops]
    assert [str(bytes_) for bytes_, _ in found] == [
        "()[s0, s1] -> ((s0 * s1) * 16)",
        "() -> (64)",
        "() -> (64)",
        "()[s0] -> (s0 * 6)",
        "()[s0, s1] -> ((s0 * s1) * 2)",
        "()[s0] -> (s0 * 10)",
        "()[s0] -> (s0 * 4)",
        "()[s0] -> (s0 * 3)",
        "()[s0] -> (s0 * 32)",
    ]
    assert [symbols for _, symbols in found] == [[x, x], [], [], [n], [n, n], [n], [p], [n], [p]]
    assert [op.name for op in ops if gir.is_asynchronous(op)] == ["gir.copy"]
    others = [op for op in block.operations if not gir.movement(op)]
    assert [gir.moved_bytes(op) for op in others] == [None] * 3
    assert not any(gir.is_asynchronous(op) for op in others)


def test_nest(context: ir.Context) -> None:
    """Dimensions come back as they were given, outermost first."""
    rows = gir.NestDim("r", 4096, 64, 64, 1)
    columns = gir.NestDim("c", None, 1024, 1024, 64, bound=65536)
    made = gir.nest([rows, columns], ["c"])
    assert str(made) == "#gir.nest<[r = 4096 : 64 : 64 : 1, c = ? : 1024 : 1024 : 64 upto 65536], sweep = [c]>"
    assert gir.nest_dims(made) == (rows, columns)
    assert made.sweep == ["c"]
    assert isinstance(ir.Attribute.parse("#gir.nest<[r = 1 : 1 : 1 : 1]>"), gir.NestAttr)
    with pytest.raises(ValueError, match=r'expected to sweep dimensions of the nest, each once, got "c"'):
        gir.nest([rows], ["c"])


def test_token(context: ir.Context) -> None:
    """The type of tokens is made and recognised."""
    assert gir.TokenType.get() == ir.Type.parse("!gir.token")
    assert isinstance(ir.Type.parse("!gir.token"), gir.TokenType)
    assert not gir.TokenType.isinstance(ir.F32Type.get())


def test_parsed_ops_have_their_class(context: ir.Context) -> None:
    """An op that Python didn't make is a `gir.MoveOp` all the same, with its accessors."""
    module = ir.Module.parse(MOVEMENTS)
    move, load, store, permute, _ = entry_block(module).operations
    assert [type(op) for op in (move, load, store, permute)] == [gir.MoveOp, gir.LoadOp, gir.StoreOp, gir.PermuteOp]
    assert load.source == store.dest
    assert list(permute.perm) == [1, 0]


@pytest.mark.parametrize(
    ("outside", "inside"),
    [
        ("tensor<?x8xf32>", "tensor<?x8xf32, #gir.at<dram>>"),
        ("tensor<f32>", "tensor<f32, #gir.at<dram>>"),
        ("memref<4xf32, strided<[2], offset: ?>>", "memref<4xf32, strided<[2], offset: ?>, #gir.at<dram>>"),
        ("memref<4xf32, 3>", "memref<4xf32, 3>"),
        ('tensor<4xf32, "coo">', 'tensor<4xf32, "coo">'),
        ("tensor<4xf32, #gir.at<sram>>", "tensor<4xf32, #gir.at<sram>>"),
        ("tensor<*xf32>", "tensor<*xf32>"),
        ("vector<4xf32>", "vector<4xf32>"),
        ("index", "index"),
    ],
)
def test_type_in_kernel(context: ir.Context, outside: str, inside: str) -> None:
    """Python and the C++ verifier say one thing: a kernel of that input is valid."""
    assert gir.type_in_kernel(ir.Type.parse(outside)) == ir.Type.parse(inside)
    module = ir.Module.create()
    with ir.InsertionPoint(module.body):
        value = ir.Operation.create("builtin.unrealized_conversion_cast", results=[ir.Type.parse(outside)]).result
        made = gir.kernel("k", [value], [], [])
        with ir.InsertionPoint(made.body.blocks[0]):
            gir.ReturnOp([])
    assert module.operation.verify()


@pytest.mark.parametrize(
    ("type_", "level"),
    [
        ("tensor<4xf32, #gir.at<reg>>", "reg"),
        ("memref<4xf32, #gir.at<sram>>", "sram"),
        ("tensor<4xf32>", None),
        ("memref<4xf32>", None),
        ("memref<4xf32, 3>", None),
        ('tensor<4xf32, "coo">', None),
        ("tensor<*xf32>", None),
        ("f32", None),
    ],
)
def test_level_of(context: ir.Context, type_: str, level: str | None) -> None:
    """The level of what has one."""
    assert gir.level_of(ir.Type.parse(type_)) == level


def test_tensor_at(context: ir.Context) -> None:
    """A tensor type from level, shape and element type."""
    dynamic = ir.ShapedType.get_dynamic_size()
    assert str(gir.tensor_at("reg", (4, dynamic), ir.F16Type.get())) == "tensor<4x?xf16, #gir.at<reg>>"


def test_kernel_builder(context: ir.Context) -> None:
    """A kernel is built with its block arguments in place, and is what its text says."""
    outer = ir.RankedTensorType.get([4], ir.F32Type.get())
    module = ir.Module.parse(
        "func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> { return %x : tensor<4xf32> }",
    )
    block = entry_block(module)
    (x,) = block.arguments
    ret = block.operations[0]
    where = ir.Location.file("model.py", 3, 1)
    with ir.InsertionPoint(ret):
        made = gir.kernel("copy", [x], [], [outer], loc=where)
    (argument,) = made.body.blocks[0].arguments
    assert gir.is_at(argument, "dram")
    assert not gir.is_at(argument, "reg")
    assert not gir.is_at(x, "dram")
    assert made.location == argument.location == where
    with ir.InsertionPoint(made.body.blocks[0]), where:
        tile = gir.MoveOp(gir.tensor_at("reg", [4], outer.element_type), argument).result
        gir.ReturnOp([gir.MoveOp(argument.type, tile).result])
    ret.operands[0] = made.results[0]
    assert module.operation.verify()
    expected = """
    func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
      %0 = gir.kernel "copy" (%a = %x : tensor<4xf32>) -> (tensor<4xf32>) {
        %1 = gir.move %a : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
        %2 = gir.move %1 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
        gir.return %2 : tensor<4xf32, #gir.at<dram>>
      }
      return %0 : tensor<4xf32>
    }
    """
    assert str(module) == str(ir.Module.parse(expected))


def test_kernel_builder_with_sizes(context: ir.Context) -> None:
    """Dynamic sizes of the results are operands of their own."""
    module = ir.Module.parse("func.func @f(%x: tensor<?xf32>, %n: index) { return }")
    block = entry_block(module)
    x, n = block.arguments
    with ir.InsertionPoint.at_block_begin(block):
        made = gir.kernel("k", [x], [n], [x.type])
    with ir.InsertionPoint(made.body.blocks[0]):
        gir.ReturnOp([made.body.blocks[0].arguments[0]])
    assert module.operation.verify()
    assert list(made.inputs) == [x]
    assert list(made.sizes) == [n]
    assert made.kernel_name.value == "k"


def test_placed_kernel_builder(context: ir.Context) -> None:
    """A kernel with a nest keeps it, and its moves say over what they run."""
    module = ir.Module.parse("func.func @f(%x: tensor<4xf32>) { return }")
    block = entry_block(module)
    placed = gir.nest([gir.NestDim("r", 4, 2, 1, 1)])
    with ir.InsertionPoint.at_block_begin(block):
        made = gir.KernelOp("k", block.arguments, [], [block.arguments[0].type], nest=placed)
    with ir.InsertionPoint(made.entry):
        (a,) = made.entry.arguments
        over = ir.ArrayAttr.get([ir.StringAttr.get("r")])
        tile = gir.MoveOp(gir.tensor_at("reg", [4], ir.F32Type.get()), a, over=over).result
        gir.ReturnOp([gir.MoveOp(a.type, tile, pass_=2, over=over).result])
    assert module.operation.verify()
    assert made.nest == placed
    first, second, _ = made.entry.operations
    assert [first.pass_.value, second.pass_.value] == [0, 2]


def test_extern_builder(context: ir.Context) -> None:
    """A library operator is built like a kernel, and parsed as its class."""
    module = ir.Module.parse("func.func @f(%x: tensor<4xf32>) { return }")
    block = entry_block(module)
    with ir.InsertionPoint.at_block_begin(block):
        made = gir.ExternOp("blas.scopy", block.arguments, [], [block.arguments[0].type])
    with ir.InsertionPoint(made.entry):
        gir.ReturnOp(made.entry.arguments)
    assert module.operation.verify()
    parsed = ir.Module.parse(str(module))
    again = entry_block(parsed).operations[0]
    assert isinstance(again, gir.ExternOp)
    assert (again.label, [str(value.type) for value in again.returned]) == (
        "blas.scopy",
        ["tensor<4xf32, #gir.at<dram>>"],
    )


def test_invalid_ops_raise(context: ir.Context) -> None:
    """An op that Python built wrongly is a diagnostic, not a crash."""
    module = ir.Module.parse("func.func @f(%x: tensor<4x8xf32, #gir.at<dram>>) { return }")
    block = entry_block(module)
    (x,) = block.arguments
    dynamic = ir.ShapedType.get_dynamic_size()
    with ir.InsertionPoint.at_block_begin(block):
        gir.SliceOp(gir.tensor_at("dram", [1, 8], ir.F32Type.get()), x, [], [], [], [dynamic, 0], [1, 8], [1, 1])
    with pytest.raises(ir.MLIRError, match="expected one operand per dynamic offset, size and stride"):
        module.operation.verify()
    assert '"gir.slice"' in str(module)
