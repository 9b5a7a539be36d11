"""ONNX's models as linalg, through torch-mlir.

A model is somebody else's file, so nothing in it is believed: not where it says that weights lie, nor how large it says
that anything is. Large weights never pass through MLIR: they become inputs of the graph, and are bound to the program.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from powerfusion.errors import SourceError, UnsupportedError
from powerfusion.frontend.imported import ImportedModel
from powerfusion.frontend.torch_mlir import ONNX_TO_TORCH, TORCH_TO_LINALG, lower, make_context, require
from powerfusion.runtime.signature import Array

WHAT = "importing an ONNX model"
LARGE_BYTES = 1 << 10
"""Weights from here on are bound; what is smaller may be a shape or an axis, which operators must see."""
EXPANDED = ("Gelu", "MeanVarianceNormalization", "RMSNormalization", "Swish")
"""Operators that are put in as ONNX defines them: torch-mlir doesn't know them, or (Gelu) to four digits only."""
MOST_BYTES = 1 << 46
"""No tensor is larger: what says so is damaged, or meant to be."""


def import_onnx(source: Any) -> ImportedModel:
    """Imports a model of ONNX's.

    Args:
        source: A path, or `onnx.ModelProto`; weights outside of the file must lie in its folder.

    Raises:
        SourceError: It can't be read, or isn't valid.
        UnsupportedError: Operators aren't supported.
        ToolError: onnx or torch-mlir isn't installed.
    """
    onnx = require("onnx", WHAT)
    if isinstance(source, onnx.ModelProto):
        model = onnx.ModelProto()
        model.CopyFrom(source)
        name, folder = "the ONNX model", None
    else:
        path = Path(source)
        model, name, folder = _read(onnx, path), f"'{path}'", path.resolve().parent
    _check_head(onnx, model, name)
    weights = _take_weights(onnx, model, name, folder)
    inferred = _infer(onnx, model, name)
    _check_sizes(onnx, inferred, name)
    inferred.graph.name = re.sub(r"\W", "_", inferred.graph.name) or "main"
    places = [value.name for value in inferred.graph.input]
    return ImportedModel(name, _to_linalg(inferred, name), {places.index(key): value for key, value in weights.items()})


def _read(onnx: Any, path: Path) -> Any:
    try:
        return onnx.load(path, load_external_data=False)
    except OSError as error:
        raise SourceError(f"can't read '{path}': {error.strerror or error}", help="expected an ONNX model") from None
    except Exception as error:  # What protobuf raises isn't in its interface.
        raise SourceError(f"'{path}' is no ONNX model, or is damaged: {error}") from error


def _check_head(onnx: Any, model: Any, name: str) -> None:
    """Makes sure that it is a model, of versions that the installed package knows."""
    if not model.graph.output or not model.opset_import:
        raise SourceError(f"{name} is no ONNX model, or is damaged: it has no graph")
    newest = onnx.defs.onnx_opset_version()
    for entry in model.opset_import:
        if entry.domain in ("", "ai.onnx") and not 0 < entry.version <= newest:
            raise SourceError(
                f"{name} uses version {entry.version} of ONNX's operators, this onnx package knows 1 to {newest}",
                help="export it with an older opset_version, or install a newer onnx",
            )


def _infer(onnx: Any, model: Any, name: str) -> Any:
    """Checks a model and works out the shapes of its values."""
    try:
        onnx.checker.check_model(model)
        return onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    except Exception as error:  # Several kinds, some of them ValueError for a message that is too large.
        message = " ".join(str(error).split())
        raise SourceError(f"{name} isn't valid: {message[:500]}") from error


def _check_sizes(onnx: Any, model: Any, name: str) -> None:
    """Makes sure that every value whose shape is known could exist."""
    graph = model.graph
    for value in [*graph.input, *graph.value_info, *graph.output]:
        if not value.type.HasField("tensor_type"):
            if value in graph.input or value in graph.output:
                raise UnsupportedError(f"{name}: '{value.name}' isn't a tensor, which alone can be passed")
            continue
        sizes = [dim.dim_value for dim in value.type.tensor_type.shape.dim if dim.HasField("dim_value")]
        _bytes_of(onnx, value.type.tensor_type.elem_type, sizes, f"{name}: '{value.name}'")


def _bytes_of(onnx: Any, elem_type: int, sizes: Any, what: str) -> int:
    """The bytes of a tensor.

    Raises:
        SourceError: There is no such tensor.
    """
    try:
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(elem_type))
    except KeyError:
        raise SourceError(f"{what} has elements of an unknown type, {elem_type}") from None
    if any(size < 0 for size in sizes) or math.prod(sizes) * dtype.itemsize > MOST_BYTES:
        raise SourceError(f"{what} has impossible sizes: {'x'.join(map(str, sizes))}")
    return math.prod(sizes) * dtype.itemsize


# -- weights ---------------------------------------------------------------------------------------


def _take_weights(onnx: Any, model: Any, name: str, folder: Path | None) -> dict[str, Array]:
    """Makes large initialisers inputs of the graph; small ones that lie elsewhere are read into the model."""
    for tensor in _inner_tensors(model.graph):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise UnsupportedError(f"{name}: the tensor '{tensor.name}' of an operator is outside of the file")
    inputs = {value.name for value in model.graph.input}
    taken: dict[str, Array] = {}
    kept: list[Any] = []
    for tensor in model.graph.initializer:
        size = _bytes_of(onnx, tensor.data_type, tensor.dims, f"{name}: '{tensor.name}'")
        array = _elements(onnx, tensor, size, name, folder)
        if size < LARGE_BYTES or tensor.data_type == onnx.TensorProto.STRING:
            kept.append(onnx.numpy_helper.from_array(np.asarray(array), tensor.name))
            continue
        taken[tensor.name] = array
        if tensor.name not in inputs:
            shape = list(tensor.dims)
            model.graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, shape))
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    if taken and model.ir_version < 4:  # Until then every initialiser is an input as well.
        model.ir_version = 4
    return taken


def _inner_tensors(graph: Any) -> Iterator[Any]:
    """Tensors that are attributes of operators, and all of graphs inside of operators."""
    for node in graph.node:
        for attribute in node.attribute:
            yield from ([attribute.t] if attribute.HasField("t") else [])
            yield from attribute.tensors
            for inner in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
                yield from inner.initializer
                yield from _inner_tensors(inner)


def _elements(onnx: Any, tensor: Any, size: int, name: str, folder: Path | None) -> Array:
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        return _external(onnx, tensor, size, name, folder)
    if tensor.HasField("raw_data") and len(tensor.raw_data) != size:
        raise SourceError(f"{name}: '{tensor.name}' needs {size} bytes, and has {len(tensor.raw_data)}")
    try:
        return np.asarray(onnx.numpy_helper.to_array(tensor))
    except Exception as error:  # ValueError for a wrong number of elements, others for wrong types.
        raise SourceError(f"{name}: '{tensor.name}' can't be read: {error}") from error


def _external(onnx: Any, tensor: Any, size: int, name: str, folder: Path | None) -> Array:
    """Elements in a file of their own, mapped rather than read."""
    what = f"{name}: the weights '{tensor.name}'"
    if folder is None:
        raise SourceError(f"{what} are in a file", help="give the model's path, or load it with its external data")
    said = {entry.key: entry.value for entry in tensor.external_data}
    place = Path(os.path.realpath(folder / said.get("location", "")))
    if not place.is_relative_to(folder):
        raise SourceError(f"{what} are outside of the model's folder: {said.get('location')}")
    if not place.is_file():
        raise SourceError(f"{what} are in {place}, which isn't there")
    try:
        offset, length = int(said.get("offset", "0")), int(said.get("length", str(size)))
    except ValueError:
        raise SourceError(f"{what} are at no place that is a number") from None
    if length != size or offset < 0 or offset + length > place.stat().st_size:
        raise SourceError(
            f"{what} need {size} bytes; {place} has {place.stat().st_size}, {length} from {offset} are named"
        )
    dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type))
    if size == 0:
        return np.empty(tuple(tensor.dims), dtype)
    return np.memmap(place, dtype, "r", offset, tuple(tensor.dims))


# -- through torch-mlir ----------------------------------------------------------------------------


def _to_linalg(model: Any, name: str) -> str:
    importer = require("torch_mlir.extras.onnx_importer", WHAT)
    context = make_context()
    try:
        config = importer.Config(function_expansion_allowlists_by_domain={"": set(EXPANDED)})
        info = importer.ModelInfo(model, config=config)
        module = info.create_module(context=context)
        importer.NodeImporter.define_function(info.main_graph, module.operation).import_all()
    except Exception as error:  # Its importer raises whatever it meets.
        raise UnsupportedError(f"{name} can't be imported: {error}") from error
    return lower(module, name, ONNX_TO_TORCH, TORCH_TO_LINALG)
