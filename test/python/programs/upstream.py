"""The second route: MLIR's own bufferisation, loops and LLVM, with nothing of this project's.

It says whether a program's text and its NumPy meaning agree before this compiler has a part in it.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from powerfusion.mlir import ir
from powerfusion.mlir.execution_engine import ExecutionEngine
from powerfusion.mlir.passmanager import PassManager

from .program import DTYPES, Array

LIBRARIES = tuple(
    f"/usr/lib/llvm-22/lib/lib{name}.so" for name in ("mlir_float16_utils", "mlir_c_runner_utils", "mlir_runner_utils")
)

# libm is exact near 0, but its pass refuses a module with an op that has no function there.
MATH = ("convert-math-to-libm, convert-math-to-llvm", "convert-math-to-llvm, convert-math-to-libm")
PIPELINE = """builtin.module(
  canonicalize,
  one-shot-bufferize{bufferize-function-boundaries=1 function-boundary-type-conversion=identity-layout-map},
  func.func(convert-linalg-to-loops),
  expand-strided-metadata, lower-affine, convert-scf-to-cf,
  func.func(arith-expand{include-bf16=true}),
  convert-math-to-funcs, func.func(math-expand-ops{ops=rsqrt}),
  {math},
  func.func(arith-expand{include-bf16=true}),
  expand-strided-metadata, lower-affine,
  finalize-memref-to-llvm, convert-arith-to-llvm, convert-index-to-llvm, convert-cf-to-llvm,
  convert-func-to-llvm{use-bare-ptr-memref-call-conv=0}, convert-math-to-llvm, convert-arith-to-llvm,
  reconcile-unrealized-casts)"""


def public_function(module: ir.Module) -> Any:
    """The only function of the module that isn't private."""
    functions = [
        op
        for op in module.body.operations
        if op.operation.name == "func.func"
        and ("sym_visibility" not in op.attributes or ir.StringAttr(op.attributes["sym_visibility"]).value != "private")
    ]
    (function,) = functions
    return function


def result_dtypes(text: str) -> list[np.dtype]:
    """The NumPy dtypes of the results of the module's public function."""
    with ir.Context(), ir.Location.unknown():
        module = ir.Module.parse(text)  # Kept: an op that was iterated to doesn't keep it alive.
        function = public_function(module)
        return [_dtype(t) for t in ir.FunctionType(function.type).results]


def _dtype(kind: ir.Type) -> np.dtype:
    return DTYPES[str(kind.element_type if isinstance(kind, ir.RankedTensorType) else kind)]


def _descriptor(rank: int) -> type[ctypes.Structure]:
    fields = [("allocated", ctypes.c_void_p), ("aligned", ctypes.c_void_p), ("offset", ctypes.c_int64)]
    if rank:
        fields += [("sizes", ctypes.c_int64 * rank), ("strides", ctypes.c_int64 * rank)]
    return type("Descriptor", (ctypes.Structure,), {"_fields_": fields})


class Upstream:
    """A program compiled by MLIR's own pipeline; called like an executable of this project."""

    def __init__(self, text: str) -> None:
        with ir.Context(), ir.Location.unknown():
            module = ir.Module.parse(text)
            function = public_function(module)
            self.name = ir.StringAttr(function.attributes["sym_name"]).value
            kinds = ir.FunctionType(function.type)
            self.inputs = list(kinds.inputs)
            self.results = [(_dtype(t), isinstance(t, ir.RankedTensorType) and t.rank) for t in kinds.results]
            self.scalars = [not isinstance(t, ir.RankedTensorType) for t in kinds.inputs]
            function.attributes["llvm.emit_c_interface"] = ir.UnitAttr.get()
            lowered = _lowered(str(module))
            self.engine = ExecutionEngine(lowered, opt_level=1, shared_libs=list(LIBRARIES))

    def __call__(self, *arrays: Any) -> Any:
        keep: list[Any] = []
        arguments = (ctypes.c_void_p * (len(arrays) + bool(self.results)))()
        slot = 0
        if self.results:
            fields = [(f"r{i}", _descriptor(rank)) for i, (_, rank) in enumerate(self.results)]
            struct = type("Results", (ctypes.Structure,), {"_fields_": fields})()
            keep.append(ctypes.pointer(struct))
            arguments[0] = ctypes.cast(ctypes.pointer(keep[-1]), ctypes.c_void_p)
            slot = 1
        for array, scalar in zip(arrays, self.scalars, strict=True):
            array = np.array(array, order="C")
            keep.append(array)
            if scalar:
                arguments[slot] = ctypes.c_void_p(array.ctypes.data)
            else:
                descriptor = _descriptor(array.ndim)()
                descriptor.allocated = descriptor.aligned = array.ctypes.data
                for i in range(array.ndim):
                    descriptor.sizes[i], descriptor.strides[i] = array.shape[i], array.strides[i] // array.itemsize
                keep.append(ctypes.pointer(descriptor))
                arguments[slot] = ctypes.cast(ctypes.pointer(keep[-1]), ctypes.c_void_p)
                keep.append(descriptor)
            slot += 1
        self.engine.lookup(self.name)(ctypes.cast(arguments, ctypes.c_void_p))
        if not self.results:
            return None
        out = tuple(_array(getattr(struct, f"r{i}"), dtype, rank) for i, (dtype, rank) in enumerate(self.results))
        return out[0] if len(out) == 1 else out


def _lowered(text: str) -> ir.Module:
    """The module in the LLVM dialect, by whichever order of the math passes takes it."""
    for math in MATH:
        module = ir.Module.parse(text)
        try:
            PassManager.parse(PIPELINE.replace("{math}", math)).run(module.operation)
        except ir.MLIRError:
            if math == MATH[-1]:
                raise
            continue
        return module
    raise AssertionError("unreachable")


def _array(descriptor: ctypes.Structure, dtype: np.dtype, rank: int) -> Array:
    """A copy of what a result's descriptor points at; an empty one has no storage to read."""
    shape = tuple(descriptor.sizes) if rank else ()
    if 0 in shape:
        return np.empty(shape, dtype)
    strides = tuple(s * dtype.itemsize for s in descriptor.strides) if rank else ()
    extent = dtype.itemsize + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    start = descriptor.aligned + descriptor.offset * dtype.itemsize
    raw = (ctypes.c_uint8 * extent).from_address(start)
    return np.ndarray(shape, dtype, buffer=raw, strides=strides).copy()
