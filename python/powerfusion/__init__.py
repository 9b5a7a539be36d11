"""PowerFusion: a tensor compiler in which every movement of data is an instruction.

import powerfusion as pf
exe = pf.compile("softmax.mlir", target="cpu")
y = exe(x)
print(exe.report())
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from powerfusion.executable import Executable
    from powerfusion.runtime.artifact import LoadedProgram

__version__ = "0.1.0"
__all__ = ["Executable", "__version__", "compile", "load"]


def compile(
    source: Any,
    inputs: Any = None,
    *,
    target: str = "cpu",
    dynamic_shapes: Any = None,
    device: str | None = None,
    cache: bool = True,
    excess_precision: bool = False,
    fp_contract: bool = False,
    libraries: bool | None = None,
) -> Executable:
    """Compiles a program, or takes it from the cache of compiled programs; that holds those of the host.

    Args:
        source: MLIR as text, path, bytes or module, with one public function: linalg on tensors, GIR in graph
            form, or GIR in tile form, whose memref arguments are read and written in place. Or a model: a module,
            function or exported program of PyTorch, a path that ends in `.onnx`, a function of JAX.
        inputs: Example inputs of a module or function: one array, a tuple of them, or of named ones a dictionary.
        dynamic_shapes: Which sizes of a module of PyTorch's stay open, as `torch.export.export` takes it.
        target: What to compile for; `cpu` is the host, `c` portable C; `mlu:mlu372` and `file:PATH.toml` are machines
            whose C is written as their description says.
        device: What runs a program that isn't for the host: `sim` is a simulator, of PTX for targets `cuda:..`, else
            made from the machine's description; it checks and counts what the program accesses.
        cache: Whether the cache may be used; `PF_CACHE=off` switches it off for all.
        excess_precision: Whether roundings to f16 and bf16 between the ops of one kernel may be left out. Results are
            then nearer to those in f32, and faster, but depend on what is fused. Of programs in tile form all stay.
        fp_contract: Whether products may be added without being rounded first; for `cpu`.
        libraries: Whether large products of matrices are calls of a library, PyTorch's or SciPy's, where one is there
            when the program is loaded; for `cpu`. By default those of models are.

    Returns:
        The program, ready to be called on arrays.

    Raises:
        SourceError: The source can't be read.
        UnsupportedError: It holds something that isn't supported; says where, and what would help.
        CompileError: A pass failed.
        ToolError: A package that importing a model needs isn't installed.
    """
    from powerfusion.executable import compile_source
    from powerfusion.pipelines import Freedoms

    freedoms = Freedoms(excess_precision, fp_contract, libraries)
    return compile_source(
        source,
        target,
        inputs=inputs,
        dynamic_shapes=dynamic_shapes,
        device=device,
        cache=cache,
        freedoms=freedoms,
    )


def load(path: str | os.PathLike[str], *, target: str | None = None, device: str | None = None) -> LoadedProgram:
    """Loads a program that `Executable.save` wrote; needs neither MLIR nor the compiler.

    Args:
        path: The artifact, `m.pfx`.
        target: For which of its targets; by default for the host if it has code for that, else the first.
        device: `sim` runs PTX on the CPU; None the device itself.

    Returns:
        The program, ready to be called on arrays.

    Raises:
        ArtifactError: It can't be read, is damaged, or is for another machine.
        ToolError: A library that it needs isn't there.
    """
    from powerfusion.runtime.artifact import load_artifact

    return load_artifact(path, target=target, device=device)


def __getattr__(name: str) -> Any:
    """Loads the compiler only when it is asked for, so that the runtime needs no MLIR."""
    if name == "Executable":
        from powerfusion.executable import Executable

        return Executable
    raise AttributeError(f"module 'powerfusion' has no attribute '{name}'")
