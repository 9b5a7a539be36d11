"""Models of PyTorch, ONNX and JAX: which importer takes a source. None of them is imported before it is needed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from powerfusion.errors import SourceError

ONNX_SUFFIX = ".onnx"


def import_model(source: Any, inputs: Any = None, dynamic_shapes: Any = None) -> Any:
    """Imports a model; anything else comes back as it is.

    Args:
        source: A module, function or exported program of PyTorch; a path that ends in `.onnx`, or ONNX's model object;
            a function of JAX.
        inputs: Example inputs of a module or function: one array, a tuple of them, or of named ones a dictionary. Of
            functions they say whose it is: PyTorch's tensors make it PyTorch's.
        dynamic_shapes: Which of PyTorch's sizes stay open, as `torch.export.export` takes it.

    Raises:
        SourceError: It can't be read, or inputs are given for what takes none.
        UnsupportedError: It has operators that aren't supported; names all of them.
        ToolError: A package that importing needs isn't installed.
    """
    if _is_of_torch(source, inputs):
        from powerfusion.frontend.torch_program import import_torch

        return import_torch(source, inputs, dynamic_shapes)
    if dynamic_shapes is not None:
        raise SourceError("dynamic shapes are of PyTorch's modules only", help="other sources say which sizes are open")
    if callable(source) and not isinstance(source, type):
        from powerfusion.frontend.jax_function import import_jax

        return import_jax(source, inputs)
    if inputs is not None:
        given = f", got {inputs!r}" if isinstance(inputs, str) else ""
        raise SourceError(f"example inputs are for modules and functions{given}", help="name the target: target='cpu'")
    if is_onnx(source):
        from powerfusion.frontend.onnx_model import import_onnx

        return import_onnx(source)
    return source


def is_onnx(source: Any) -> bool:
    """Whether a source is an ONNX model, or the path of one."""
    if isinstance(source, str | os.PathLike):
        text = os.fspath(source)
        return isinstance(text, str) and "\n" not in text and Path(text).suffix == ONNX_SUFFIX
    onnx = sys.modules.get("onnx")
    return onnx is not None and isinstance(source, onnx.ModelProto)


def _is_of_torch(source: Any, inputs: Any) -> bool:
    torch = sys.modules.get("torch")
    if torch is None:
        return False
    if isinstance(source, (torch.nn.Module, torch.export.ExportedProgram)):
        return True
    values = inputs.values() if isinstance(inputs, dict) else inputs if isinstance(inputs, tuple | list) else [inputs]
    return callable(source) and any(isinstance(value, torch.Tensor) for value in values)
