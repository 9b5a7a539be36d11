"""Pipelines as data: per target, the phases in order, each a tuple of passes in MLIR's own syntax.

A phase ends in a normal form (see the passes' `establishes`); `Executable.ir(phase)` and
`--compile-to PHASE` show what it leaves behind.

`GENERAL` are the phases that any machine has: a program can be placed and tiled for a machine, and its
bytes counted, whether or not code for it is made (`phases_for`). `PIPELINES` has the targets that it is
made for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import powerfusion.passes  # noqa: F401  # pyright: ignore[reportUnusedImport]  fills the registry
from powerfusion.core.passes import registered_passes
from powerfusion.errors import ContractError, UnsupportedError
from powerfusion.machines.chips import CHIPS
from powerfusion.machines.table import find


@dataclass(frozen=True)
class Phase:
    """A named stretch of a pipeline.

    Attributes:
        name: What users call it.
        summary: What holds after it.
        passes: Textual passes, run on the module in order.
    """

    name: str
    summary: str
    passes: tuple[str, ...]

    @property
    def pipeline(self) -> str:
        """The phase as a textual pipeline."""
        return f"builtin.module({','.join(self.passes)})"

    def with_option(self, name: str, value: str) -> Phase:
        """The phase with a value for each of its passes that declares such an option."""
        return replace(self, passes=tuple(_told(text, name, value) for text in self.passes))


def _told(text: str, option: str, value: str) -> str:
    """A textual pass with an option, where it declares one of the name."""
    name, _, options = text.partition("{")
    pass_ = registered_passes().get(name)
    if pass_ is None or all(spec.name != option for spec in pass_.options()):
        return text
    return f"{name}{{{' '.join([_option(option, value), *filter(None, [options.removesuffix('}')])])}}}"


def _option(name: str, value: str) -> str:
    """An option as MLIR reads it.

    Raises:
        UnsupportedError: The value has characters that can't be written in a pipeline.
    """
    if any(letter in value for letter in "{}\"'\n"):
        raise UnsupportedError(f"{value!r} can't be the value of a pass's option", help="rename the file")
    return f'{name}="{value}"' if " " in value or "," in value else f"{name}={value}"


@dataclass(frozen=True)
class Freedoms:
    """What may be computed otherwise than a program says, for speed; by default nothing.

    Attributes:
        excess_precision: Roundings to f16 and bf16 between the ops of one kernel may be left out.
        fp_contract: Products may be added without being rounded first.
        libraries: Products of matrices may be a library's, which sums in its own order; None leaves that to the source.
    """

    excess_precision: bool = False
    fp_contract: bool = False
    libraries: bool | None = None

    def taken_by(self, phases: Sequence[Phase]) -> Sequence[Phase]:
        """Phases that take these freedoms.

        Raises:
            UnsupportedError: No pass of theirs takes one.
        """
        for name in [each.name for each in fields(self) if getattr(self, each.name)]:
            taken = [phase.with_option(name.replace("_", "-"), "true") for phase in phases]
            if taken == list(phases):
                raise UnsupportedError(
                    f"no pass of this target takes {name}",
                    help="it is for cpu; a C compiler has flags of its own",
                )
            phases = taken
        return phases


STRICT = Freedoms()
IMPORT = Phase(
    "import",
    "one function of linalg and tensor ops",
    ("inline", "symbol-dce", "func.func(convert-elementwise-to-linalg)"),
)
RAISE = Phase("raise", "naive GIR: one kernel per operator, every edge at dram", ("convert-linalg-to-gir",))
SIMPLIFY = Phase(
    "simplify",
    "GIR after every rewrite that only lowers bytes",
    (
        "gir-fold-splats",
        "gir-narrow-detours",
        "gir-drop-results",
        "gir-drop-units",
        "canonicalize",
        "cse",
        "gir-copy-sources",
        "gir-size-constants",
        "gir-split-dims",
        "canonicalize",
        "cse",
        "gir-resolve-dims",
        "gir-forward-gathers",
        "gir-share-kernels",
        "gir-turn-operands",
        "gir-call-libraries",
        "gir-merge-kernels",
        "gir-forward-stores",
        "canonicalize",
        "cse",
        "gir-size-constants",
        "gir-forward-concats",
        "gir-join-readers",
        "gir-forward-gathers",
        "gir-join-loads",
        "gir-choose-rows",
        "gir-spread-iotas",
        "gir-turn-concats",
        "gir-delay-windows",
        "gir-turn-windows",
        "gir-drop-results",
        "gir-join-dims{every=true}",
        "canonicalize",
    ),
)
EXPAND = Phase("expand", "GIR with other ways beside what could be done in fewer passes", ("gir-expand",))
PLACE = Phase(
    "place",
    "GIR in which kernels that gain by it are one, each with its nest",
    ("gir-place", "gir-call-libraries{streamed=true}", "canonicalize", "cse"),
)
TILE = Phase(
    "tile",
    "tile form: loops over windows, static tiles",
    (
        "gir-join-dims{settled=true}",
        "gir-tile",
        "gir-drop-roundings",
        "canonicalize",
        "func.func(scf-for-loop-peeling)",
        "canonicalize",
        "cse",
        "loop-invariant-code-motion",
        "cse",
        "gir-stream-stores",
    ),
)
SCHEDULE = Phase(
    "schedule",
    "tile form with copies under way, barriers, lanes, offsets, launches and one workspace",
    (
        "gir-buffer-copies",
        "gir-place-syncs",
        "gir-pad-tiles",
        "gir-lane-layouts",
        "canonicalize",
        "cse",
        "gir-plan-scratch",
        "gir-outline",
        "gir-plan-memory",
        "canonicalize",
        "cse",
    ),
)
LOWER_CPU = Phase(
    "lower",
    "vector, scf and memref ops for the host",
    (
        "gir-hoist-loads",
        "gir-turn-rows",
        "gir-turn-stages",
        "gir-prefetch-columns",
        "gir-prefetch-lookups",
        "gir-prefetch-rows",
        "gir-prefetch-runs",
        "gir-prefetch-streams",
        "gir-prefetch-windows",
        "gir-split-loops",
        "canonicalize",
        "gir-fold-windows",
        "gir-outline{products=true}",
        "convert-gir-to-vector",
        "canonicalize",
        "cse",
        "loop-invariant-code-motion",
        "gir-split-vectors",
        "canonicalize",
        "cse",
    ),
)
LLVM_CPU = Phase(
    "llvm",
    "the LLVM dialect",
    (
        "expand-strided-metadata",
        "gir-contract-products",
        "gir-widen-halves",
        "gir-watch-nans",
        "gir-round-bf16",
        "arith-expand{include-bf16=true}",
        "gir-carry-bf16",
        "convert-scf-to-openmp",
        "gir-inline-scopes",
        "canonicalize",
        "gir-expand-math",  # of which calls of intrinsics would be taken for allocations in scopes
        "cse",
        "convert-scf-to-cf",
        "lower-affine",
        "convert-vector-to-llvm",
        "convert-math-to-llvm",
        "convert-math-to-libm",
        "finalize-memref-to-llvm{use-generic-functions=true}",  # before OpenMP's, which would call malloc
        "convert-openmp-to-llvm",
        "convert-ub-to-llvm",
        "convert-arith-to-llvm",
        "convert-index-to-llvm",
        "convert-cf-to-llvm",
        "convert-func-to-llvm",
        "reconcile-unrealized-casts",
    ),
)


def check_contracts(phases: Sequence[Phase], given: frozenset[str] = frozenset()) -> None:
    """Checks that each pass finds the normal forms that it requires, from what stands before it.

    Args:
        phases: In order.
        given: Normal forms that hold at the start.

    Raises:
        ContractError: Names the pass, the form, and the passes that establish it.
    """
    registered = registered_passes()
    forms = set(given)
    for phase in phases:
        for name in re.findall(r"[a-z0-9-]+(?=[,){]|$)", ",".join(phase.passes)):
            if name not in registered:
                continue
            pass_ = registered[name]
            for missing in sorted(pass_.requires - forms):
                makers = [other for other, cls in registered.items() if missing in cls.establishes]
                raise ContractError(
                    f"pass '{name}' in phase '{phase.name}' requires {missing}, which doesn't hold there",
                    help=f"{missing} is established by {' and '.join(makers) or 'no pass'}",
                )
            forms = (forms - pass_.invalidates) | pass_.establishes


PREFETCH = tuple(
    f"gir-prefetch-{what}" for what in ("columns", "lookups", "rows", "runs", "stores", "streams", "windows")
)
LOWER_C = Phase(
    "lower", "emitc ops, of which C is printed", (*PREFETCH, "convert-gir-to-emitc", "cse", "form-expressions")
)


LOWER_GPU = Phase(
    "lower",
    "kernels of the gpu dialect, and the host's launches",
    (
        "convert-gir-to-gpu",
        "canonicalize",
        "cse",
        "loop-invariant-code-motion",
        "func.func(lower-affine)",
        "canonicalize",
        "cse",
    ),
)
_BEFORE_DEVICE = (
    "gir-expand-math{instructions=none}",
    "gir-call-intrinsics",
    "gpu.module(expand-strided-metadata,canonicalize,cse,lower-affine,convert-scf-to-cf)",
)
_BARE = "use-bare-ptr-memref-call-conv=true"
_AFTER_DEVICE = ("gpu.module(canonicalize,cse,reconcile-unrealized-casts)",)


def nvvm(chip: str) -> tuple[Phase, ...]:
    """What takes kernels to PTX for a chip of NVIDIA's."""
    device = Phase(
        "nvvm",
        "kernels in LLVM's dialect with NVIDIA's instructions",
        (
            f"nvvm-attach-target{{chip={chip} O=3}}",
            *_BEFORE_DEVICE,
            f"gpu.module(convert-gpu-to-nvvm{{{_BARE}}},convert-vector-to-llvm)",
            *_AFTER_DEVICE,
            "gir-open-shared-memory",
        ),
    )
    return (device, BINARY)


def rocdl(chip: str) -> tuple[Phase, ...]:
    """What takes kernels to assembly for a chip of AMD's."""
    device = Phase(
        "rocdl",
        "kernels in LLVM's dialect with AMD's instructions",
        (
            f"rocdl-attach-target{{chip={chip} O=3}}",
            *_BEFORE_DEVICE,
            f"gpu.module(convert-gpu-to-rocdl{{chipset={chip} {_BARE}}},convert-vector-to-llvm)",
            *_AFTER_DEVICE,
        ),
    )
    return (device, BINARY)


BINARY = Phase("binary", "assembly text of the kernels", ("gpu-module-to-binary{format=isa}",))

GENERAL = (IMPORT, RAISE, SIMPLIFY, EXPAND, PLACE, TILE)
"""The phases that any machine has."""
CPU = (*(phase.with_option("machine", "cpu") if phase is TILE else phase for phase in GENERAL), LOWER_CPU, LLVM_CPU)
PHASES = tuple(phase.name for phase in CPU)
MACHINE = (*GENERAL, SCHEDULE)
"""The phases of a machine that no code is made for."""
C = tuple(phase.with_option("machine", "c") for phase in (*MACHINE, LOWER_C))


def _gpu(chip: str, device: tuple[Phase, ...]) -> tuple[Phase, ...]:
    return (*(phase.with_option("machine", chip) for phase in (*MACHINE, LOWER_GPU)), *device)


CUDA = tuple(f"cuda:{chip}" for chip in ("sm_80", "sm_90", "sm_100", *(c for c in CHIPS if c.startswith("sm_"))))
ROCM = tuple(f"rocm:{chip}" for chip in ("gfx90a", "gfx942", "gfx1100", *(c for c in CHIPS if c.startswith("gfx"))))
GPUS = (*CUDA, *ROCM)
"""The targets whose code is kernels that the host launches."""
PIPELINES: dict[str, tuple[Phase, ...]] = {
    "cpu": CPU,
    "c": C,
    **{target: _gpu(target[5:], nvvm(target[5:])) for target in CUDA},
    **{target: _gpu(target[5:], rocdl(target[5:])) for target in ROCM},
}
"""Per target that code is made for, all phases."""
COUNTED = tuple(phase.name for phase in MACHINE if phase is not IMPORT)
"""The phases that leave GIR behind, whose bytes can be counted."""
GRAPH = COUNTED[: COUNTED.index(TILE.name)]
"""Those that leave graph form behind."""


def phases_for(machine: str) -> tuple[Phase, ...]:
    """The phases that place and tile a program for a machine, up to where code for it would be made.

    Args:
        machine: What `powerfusion.machines.table.find` takes: a name, a target, or a `.toml` file.
    """
    return tuple(phase.with_option("machine", machine) for phase in MACHINE)


def phases_of(target: str) -> tuple[Phase, ...]:
    """All phases of a target that code is made for, or of a machine."""
    if target in PIPELINES:
        return PIPELINES[target]
    phases = phases_for(target)
    return (*phases, LOWER_C.with_option("machine", target)) if find(target).emit else phases


ALL_PHASES = tuple(dict.fromkeys(phase.name for phases in (MACHINE, *PIPELINES.values()) for phase in phases))
"""Every phase that some target has, in order."""
