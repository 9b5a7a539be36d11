"""A model as an importer hands it over: a program whose weights are arguments, and the weights.

Weights never pass through text: the program is parsed without them, then they are bound to it by reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from powerfusion.mlir import ir
from powerfusion.mlir.dialects import arith, func
from powerfusion.runtime.signature import Array

NO_SIGN = "gir.unsigned"
"""Marks a result of integers without a sign, which types of MLIR's arithmetic don't have."""
ALIGNMENT_BYTES = 8
"""Of weights in bytecode: more than Python's bytes have wouldn't be read again."""


@dataclass(frozen=True)
class ImportedModel:
    """A program and its weights.

    Attributes:
        name: What errors call it.
        text: MLIR with one public function: linalg on tensors.
        weights: What arguments of the function always are, by position; they are read where they are.
    """

    name: str
    text: str
    weights: Mapping[int, Array] = field(default_factory=dict[int, Array])


def bind_weights(module: ir.Module, weights: Mapping[int, Array]) -> None:
    """Makes arguments of a module's function constants, by reference to their elements.

    Args:
        module: With one function that has a body; is changed in place.
        weights: By position of the argument, each of its argument's shape and dtype.
    """
    if not weights:
        return
    function = next(op for op in module.body.operations if isinstance(op, func.FuncOp) and not op.is_external)
    block = function.entry_block
    kept = [type_ for place, type_ in enumerate(function.type.inputs) if place not in weights]
    results = function.type.results
    with ir.InsertionPoint.at_block_begin(block), function.location:
        for place, weight in sorted(weights.items()):
            argument = block.arguments[place]
            attribute: Any = _elements(f"weight{place}", weight, argument.type)
            argument.replace_all_uses_with(arith.ConstantOp(argument.type, attribute).result)
        for place in sorted(weights, reverse=True):
            block.erase_argument(place)
        function.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(kept, results))
        if "arg_attrs" in function.attributes:
            del function.attributes["arg_attrs"]


def _elements(name: str, weight: Array, type_: ir.Type) -> ir.Attribute:
    """An array as an attribute; what is one number, or bits, as elements that folding can look at."""
    element, shape = ir.RankedTensorType(type_).element_type, list(weight.shape)
    if weight.size == 0:
        return ir.Attribute.parse(f"dense<> : {type_}")
    if weight.dtype == np.bool_:
        packed: Any = _packed(weight)
        return ir.DenseElementsAttr.get(packed, type=element, shape=shape)
    bits: Any = np.require(weight, requirements=["C"]).view(f"u{weight.dtype.itemsize}")  # bf16 is no buffer
    if weight.size == 1:
        return ir.DenseElementsAttr.get(bits, type=element, shape=shape)
    return ir.DenseResourceElementsAttr.get_from_buffer(bits, name, type_, ALIGNMENT_BYTES)


def _packed(weight: Array) -> Array:
    """Booleans as MLIR keeps them, eight to a byte; a single one as all bits alike."""
    if weight.size == 1:
        return np.array([255 if weight.item() else 0], np.uint8)
    return np.packbits(weight, axis=None, bitorder="little")
