"""Compiling and running: what `pf.compile` gives back."""

from __future__ import annotations

import ctypes
import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from powerfusion._native._host import HostCode
from powerfusion.cache.choice import read_choice
from powerfusion.cache.entry import decode, encode
from powerfusion.cache.files import open_files
from powerfusion.cache.key import Key, key_of
from powerfusion.compiled import HostProgram, LazySnapshots, Snapshot, constants_of, make_program, was_stopped
from powerfusion.core.toolchain import openmp_library
from powerfusion.emit.host_object import link
from powerfusion.errors import CapacityError, CompileError, MachineError, PowerFusionError, UnsupportedError
from powerfusion.frontend.imported import ImportedModel
from powerfusion.frontend.models import import_model
from powerfusion.frontend.source import form_of, read_module, signature_of
from powerfusion.machines.host import host
from powerfusion.machines.model import Machine
from powerfusion.machines.table import HOST, find
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger import report_of
from powerfusion.passes.analysis.phase_report import phase_report_of
from powerfusion.passes.lowering.gpu.conflicts import Conflict, conflicts
from powerfusion.phases import run_phases
from powerfusion.pipelines import COUNTED, CUDA, GPUS, GRAPH, PIPELINES, STRICT, Freedoms, Phase, phases_for, phases_of
from powerfusion.report import PhaseReport, Remark, Report
from powerfusion.runtime.artifact import Contents, DeviceContents, HostContents, save_artifact
from powerfusion.runtime.c_function import CFunction, Code
from powerfusion.runtime.device_code import DeviceCode
from powerfusion.runtime.device_function import SIMULATED, DeviceFunction
from powerfusion.runtime.libraries import fill, slots_in
from powerfusion.runtime.shared_library import ALLOCATE, ENTRY, FREE, OPENMP_PREFIX, load_c_program
from powerfusion.runtime.signature import Array, Signature
from powerfusion.runtime.simulation import SimulatedFunction, Simulation
from powerfusion.runtime.threads import Threads
from powerfusion.runtime.timeline import Timeline

if TYPE_CHECKING:
    from powerfusion.emit.c_library import CLibrary
    from powerfusion.emit.device import DeviceSource
    from powerfusion.emit.device_program import DeviceProgram
    from powerfusion.emit.portable import Source

# Where a source's form enters the pipeline.
FIRST_PHASES = {"linalg": ("import",), "graph": ("raise",), "tile": ("schedule", "lower")}
OPTIMIZATION_LEVEL = 3

# Placed as if one in so many bytes at reg were there, until what lowering needs beside tiles fits too.
SHARES = (1, 2, 4, 8)
# The same for loops whose loads are a step ahead, which take three places, or two where stores are waited for; more
# bytes are no price for that.
SHARES_AHEAD = (1, 2, 4)
PLACES_AHEAD = (3, 2)
# So many steps hide all but a small part of what the first one loads and the last one stores.
STEPS_AHEAD = 8


class Executable:
    """A compiled program; call it on arrays, where it is compiled to the end and for the host.

    Attributes:
        signature: What it takes and gives.
        target: What it was compiled for.
        device: What runs it, where that isn't the host.
    """

    def __init__(
        self,
        target: str,
        signature: Signature,
        snapshots: Mapping[str, Snapshot],
        machine: Machine | None = None,
        program: HostProgram | None = None,
        device: str | None = None,
    ) -> None:
        self.target = target
        self.device = device
        self.signature = signature
        self._snapshots = snapshots
        self._machine = machine
        self.device: str | None = None
        if program is not None:
            self._program = program

    def __call__(self, *arrays: Any, out: Any = None) -> Any:
        """Runs the program.

        Args:
            arrays: One per argument, NumPy or DLPack, of the dtypes and sizes of the signature. Contiguous ones are
                read where they are, others are copied first.
            out: Where results go: an array, or for several results a tuple, None for those that are made. They must
                be contiguous, writable, of just the result's dtype and shape, and overlap nothing else.

        Returns:
            The result, a tuple of several, or None; of the inputs' kind (NumPy, torch, JAX), or what `out` was.

        Raises:
            InputError: The arrays don't fit the signature.
            AssertionFailedError: An assertion of the program failed.
        """
        return self._function(*arrays, out=out)

    @property
    def phases(self) -> tuple[str, ...]:
        """Names of the phases, in order."""
        return tuple(self._snapshots)

    def module(self, phase: str) -> ir.Module:
        """The module after a phase, in a context of its own."""
        if phase not in self._snapshots:
            raise PowerFusionError(f"expected a phase of {', '.join(self._snapshots)}, got '{phase}'")
        return read_module(self._snapshots[phase].bytecode)

    def ir(self, phase: str) -> str:
        """The program's MLIR after a phase: import, raise, simplify, place, tile, lower or llvm."""
        return str(self.module(phase))

    @property
    def machine(self) -> Machine:
        """The machine that it was placed for, whose transactions and caches count unless another is asked for."""
        return self._machine or host()

    def report(
        self,
        shapes: Mapping[int, tuple[int, ...]] | None = None,
        *,
        machine: Machine | None = None,
        phase: str | None = None,
    ) -> Report:
        """What the program moves, per kernel and level, beside the least that it must.

        Args:
            shapes: Shapes of arguments by position, for dynamic sizes; by default those of the
                last call, and open sizes where there was none.
            machine: Whose transactions and caches count; by default the one that it was placed for.
            phase: The phase after which it is counted, one of `COUNTED`; by default the last in graph form.

        Raises:
            PowerFusionError: The phase wasn't run.
            UnsupportedError: The program can't be counted there while sizes are open.
        """
        given = self._last_shapes if shapes is None else shapes
        if phase is not None:
            return self._report(phase, given, machine)
        graphs = self._graphs or self._counted[-1:]
        if graphs[-1] == "place":
            try:
                return self._report("place", given, machine)
            except UnsupportedError:
                graphs = (
                    graphs[:-1] or graphs
                )  # While sizes are open a nest can't be counted; what it is made from can.
        return self._report(graphs[-1], given, machine)

    def phase_reports(
        self, shapes: Mapping[int, tuple[int, ...]] | None = None, *, machine: Machine | None = None
    ) -> tuple[PhaseReport, ...]:
        """What the program moves as each phase leaves it, in order; arguments as of `report`."""
        given = self._last_shapes if shapes is None else shapes
        return tuple(
            phase_report_of(self.module(name), given, machine or self.machine, name, self._snapshots[name].statistics)
            for name in self._counted
        )

    def bank_conflicts(self) -> list[Conflict]:
        """What accesses of the group's memory lose to bank conflicts, by analysis; none where units have no lanes.

        Raises:
            PowerFusionError: It isn't compiled as far as that.
        """
        return conflicts(self.module(COUNTED[-1]).operation, self.machine)

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """What passes said about places of the program, in the order of phases."""
        return tuple(remark for snapshot in self._snapshots.values() for remark in snapshot.remarks)

    def _report(self, phase: str, given: Mapping[int, tuple[int, ...]], machine: Machine | None) -> Report:
        module, graphs = self.module(phase), self._graphs
        naive = self.module(graphs[0]) if graphs else None
        graph = module if phase in graphs else self.module(graphs[-1]) if graphs else None
        return report_of(module, naive, given, machine or self.machine, phase, graph)

    @property
    def _counted(self) -> list[str]:
        """The phases whose bytes can be counted."""
        return [name for name in self._snapshots if name in COUNTED]

    @cached_property
    def _graphs(self) -> list[str]:
        """Those that leave graph form behind."""
        return [name for name in self._counted if name in GRAPH]

    @property
    def _last_shapes(self) -> Mapping[int, tuple[int, ...]]:
        """Shapes of the arguments of the last call."""
        called = self.__dict__.get("_function")
        return {} if called is None else dict(enumerate(called.last_shapes))

    @property
    def blas(self) -> str | None:
        """Whose routines it calls for products of matrices; None where it computes all itself, or isn't for the host.

        Raises:
            UnsupportedError: It isn't compiled to the end.
        """
        return self._function.blas if isinstance(self._function, CFunction) else None

    def save(self, path: str | os.PathLike[str], *others: Executable) -> None:
        """Writes the program as an artifact, which `powerfusion.load` runs without this compiler.

        Args:
            path: The file.
            others: The same program, compiled for other targets, to be in the same file.

        Raises:
            ArtifactError: It can't be written; what was at the path is as it was.
            CompileError: The code can't be linked or assembled.
            UnsupportedError: The others take or give something else, or two are for one target.
        """
        from powerfusion import __version__

        every = (self, *others)
        if any(each.signature != self.signature for each in others):
            raise UnsupportedError("expected the same program for several targets: these take or give something else")
        if len({each.target for each in every}) < len(every):
            raise UnsupportedError("expected each target once in an artifact")
        hosts = [each._host_contents() for each in every if each.target not in GPUS]
        devices = [each._device_contents() for each in every if each.target in GPUS]
        save_artifact(path, Contents(__version__, self.signature, hosts[0] if hosts else None, devices))

    def _host_contents(self) -> HostContents:
        program = self._program
        return HostContents(link(program.object), program.constants, program.assertions, self._report_to_save())

    def _device_contents(self) -> DeviceContents:
        launches = self.device_program.launches
        return DeviceContents(self.device_code, launches, self._device_constants, self._report_to_save())

    def _report_to_save(self) -> dict[str, Any] | None:
        return self.report(shapes={}).to_json() if self._graphs else None  # whatever was called before

    @cached_property
    def c_source(self) -> Source:
        """The program as a file of C and its header; of target c, and of machines that are written in a C of their own.

        Raises:
            UnsupportedError: It is compiled for another target, or not to the end.
        """
        from powerfusion.emit.portable import translate

        if self._is_for_device:
            return self._device_source.source
        self._check_code("c")
        return translate(self.module(self.phases[-1]), self.signature, self._note())

    def c_library(self, file_name: str) -> CLibrary:
        """The program as machine code for callers in C, and its header; of target cpu.

        Args:
            file_name: The file's, without folders: `kernel.o`, `libkernel.a` or `libkernel.so`; the header says it.

        Raises:
            UnsupportedError: It has another suffix, or the program is for another target, or not compiled to the end.
            CompileError: LLVM refused it.
            ToolError: One of LLVM's tools isn't there.
        """
        from powerfusion.emit.c_library import build_c_library

        program = self._program
        return build_c_library(
            program.object, self.signature, program.constants, program.assertions, file_name, self._note()
        )

    def _note(self) -> str:
        """What a program in C says on top: its name and what it moves, as far as that can be counted."""
        note = f"{self.signature.name}, by PowerFusion\n"
        if not self._graphs:
            return note
        with suppress(UnsupportedError):  # While sizes are open, bytes are too.
            note += f"\n{self.report(shapes={})}\n"
        return note

    def _check_code(self, target: str = "cpu") -> None:
        if self.target != target and self.target in PIPELINES:
            raise UnsupportedError(
                f"expected a program for {target}, got one for {self.target}",
                help=f"compile it with target='{target}'",
            )
        if list(self._snapshots)[-1:] != [phases_of(target)[-1].name]:
            raise UnsupportedError(
                f"this program is compiled up to phase '{[*self._snapshots][-1]}' of {self.target}: it has no code",
                help="it can be looked at; powerfusion.compile makes code",
            )

    @property
    def _is_for_device(self) -> bool:
        return self.target not in PIPELINES and self._machine is not None and self._machine.emit is not None

    @cached_property
    def _device_source(self) -> DeviceSource:
        from powerfusion.emit.device import translate_device

        self._check_code(self.target)
        return translate_device(self.module(self.phases[-1]), self.signature, self._note())

    @property
    def simulation(self) -> Simulation | None:
        """What the last call did on the simulated machine; None before there was one."""
        called = self.__dict__.get("_function")
        return called.last if isinstance(called, SimulatedFunction) else None

    def timeline(self) -> Timeline:
        """What a call on the simulated machine takes in its model of time, without doing it.

        Raises:
            UnsupportedError: It isn't for a simulated machine.
            InputError: A size of an argument is open.
        """
        called = self._function
        if not isinstance(called, SimulatedFunction):
            raise UnsupportedError(f"there is no model of time for {self.target}", help="pf calibrate measures hosts")
        return called.timeline()

    @property
    def object_code(self) -> bytes:
        """Its machine code, as LLVM makes objects; of target cpu.

        Raises:
            UnsupportedError: It is for another target, or not compiled to the end.
        """
        return self._program.object

    @cached_property
    def _program(self) -> HostProgram:
        self._check_code()
        return make_program(self._snapshots, OPTIMIZATION_LEVEL)

    @cached_property
    def device_program(self) -> DeviceProgram:
        """Its kernels as assembly, and what the host does; of a GPU's target.

        Raises:
            UnsupportedError: It is compiled for another target, or not to the end.
        """
        from powerfusion.emit.device_program import device_program

        if self.target not in GPUS:
            raise UnsupportedError(
                f"expected a program for a GPU, got one for {self.target}",
                help=f"compile it with a target of {', '.join(GPUS)}",
            )
        self._check_code(self.target)
        return device_program(self.module(self.phases[-1]))

    @cached_property
    def device_function(self) -> DeviceFunction:
        """What runs it on a device, with what the last call moved there; of a GPU's target.

        Raises:
            UnsupportedError: It is compiled for another target, or not to the end.
        """
        program = self.device_program
        code = DeviceCode(self.target, program.assembly) if self.device == SIMULATED else self.device_code
        return DeviceFunction(code, program.launches, self.signature, self._device_constants, self.device)

    @cached_property
    def device_code(self) -> DeviceCode:
        """Its kernels as a device loads them, and what each takes of it; of a GPU's target.

        Raises:
            UnsupportedError: It is compiled for another target, or not to the end.
            CompileError: The assembler refused them.
            ToolError: One of LLVM's tools isn't there.
        """
        from powerfusion.emit.assembling import assemble

        return assemble(self.device_program.assembly, self.target)

    @cached_property
    def _device_constants(self) -> Sequence[Array]:
        return constants_of(self.module("tile")) if "tile" in self.phases else []

    @cached_property
    def _function(self) -> CFunction | DeviceFunction | SimulatedFunction:
        if self.target in GPUS:
            return self.device_function
        if self.target == "c":
            return self._c_function
        if self._is_for_device:
            return self._simulated
        program = self._program
        libraries = [str(openmp_library())] if OPENMP_PREFIX in program.object else []
        threads = Threads(ctypes.CDLL(libraries[0])) if libraries else None
        try:
            loaded = HostCode(program.object, libraries)
            library = fill(slots_in(program.object), loaded.lookup)
            code = Code(loaded.lookup(ENTRY), loaded.lookup(ALLOCATE), loaded.lookup(FREE), loaded, threads, library)
        except RuntimeError as error:
            raise CompileError(f"the code can't be loaded: {error}") from error
        return CFunction(code, self.signature, program.assertions, program.constants)

    @cached_property
    def _c_function(self) -> CFunction:
        from powerfusion.emit.portable import build

        source = self.c_source
        return CFunction(load_c_program(build(source), source.name), self.signature, source.messages)

    @cached_property
    def _simulated(self) -> SimulatedFunction:
        from powerfusion.emit.device import build_simulation

        if self.device != SIMULATED:
            raise UnsupportedError(
                f"no {self.machine.name} is at hand to run this on",
                help=f"compile it with device='{SIMULATED}'; c_source has the program's text",
            )
        program = self._device_source
        library = build_simulation(program, self.machine)
        source = program.source
        return SimulatedFunction(library, source.name, self.signature, source.messages, program.place_of)


def compile_source(
    source: Any,
    target: str = "cpu",
    *,
    inputs: Any = None,
    dynamic_shapes: Any = None,
    device: str | None = None,
    until: str | None = None,
    after: str | None = None,
    remarks: bool = False,
    cache: bool = False,
    freedoms: Freedoms = STRICT,
    candidate: int | None = None,
) -> Executable:
    """Compiles a source for a target that code is made for; see `powerfusion.compile`.

    Args:
        source: Whatever `read_module` or `import_model` takes.
        inputs: Example inputs of a model that needs some.
        dynamic_shapes: Which sizes of a model of PyTorch's stay open.
        target: A key of `PIPELINES`, or a machine whose description says how programs are written.
        device: What runs it, where that isn't the host.
        until: The last phase to run; what comes back then can be looked at, not called.
        after: The phase that the source is after already; by default as its form says.
        remarks: Whether passes say why they did what they did; `Executable.remarks` has it.
        cache: Whether the cache of compiled programs is asked, and told; of those for the host, compiled to the end.
            Of those for GPUs it holds which placement was measured to be the quickest.
        freedoms: What may be computed otherwise than the program says.
        candidate: Which placement behind the model's choice, which is 0; None for the one that is kept.
    """
    check_target(target)
    machine = None if target == HOST else find(target)
    source = import_model(source, inputs, dynamic_shapes)
    check_device(device, target, machine)
    freedoms = _with_libraries(freedoms, source, target)
    phases = freedoms.taken_by(_asked(phases_of(target), remarks))
    if target in GPUS:
        phases = _placed_as(phases, _kept(source, phases, target, cache=cache) if candidate is None else candidate)

    def attempt(share: int, *, ahead: int = 0, until: str | None = until) -> Executable:
        asked = phases if share == 1 else [phase.with_option("reg-share", str(share)) for phase in phases]
        asked = [phase.with_option("ahead", str(ahead)) for phase in asked] if ahead else asked
        return _compile_between(source, asked, target, until, after, machine, cache=cache)

    made = _ahead(attempt, machine) if machine is not None and machine.emit is not None and until is None else None
    for share in SHARES if made is None else ():
        try:
            made = attempt(share)
            break
        except CapacityError:
            if share == SHARES[-1]:
                raise
    assert made is not None, "expected a last share"
    made.device = device
    return made


def _ahead(attempt: Callable[..., Executable], machine: Machine) -> Executable | None:
    """A program whose loops load ahead, where that fits and moves no more bytes than it would without.

    Its tiles are smaller than they could be where a task had too few steps else.
    """
    for share, places in itertools.product(SHARES_AHEAD, PLACES_AHEAD):
        try:
            made = attempt(share, ahead=places)
        except CapacityError:
            continue
        least = _bytes_of(made)
        if share > 1 and least != _bytes_of(attempt(1, until=COUNTED[-1])):
            return None
        for smaller in reversed([other for other in SHARES if share < other <= _share_of_steps(least, machine)]):
            with suppress(CapacityError):
                finer = attempt(smaller, ahead=PLACES_AHEAD[0])
                if _bytes_of(finer) == least:
                    return finer
        return made
    return None


def _share_of_steps(moved: object, machine: Machine) -> int:
    """One in how many bytes at reg a step may take, so that a task with its part of what is moved has enough."""
    room = machine.space_of("reg").usable_bytes
    if not isinstance(moved, int) or machine.emit is None or not room:
        return 1
    steps = moved / machine.emit.launched / room
    return min((share for share in SHARES if share * steps >= STEPS_AHEAD), default=SHARES[-1])


def _bytes_of(made: Executable) -> object:
    """Bytes from and to memory that a scheduled program moves."""
    return next(report for report in made.phase_reports() if report.phase == COUNTED[-1]).at("dram", "useful")


def compile_for(
    source: Any,
    machine: str,
    *,
    until: str | None = None,
    after: str | None = None,
    remarks: bool = False,
    freedoms: Freedoms = STRICT,
) -> Executable:
    """Takes a source through the phases that any machine has: what comes back can be looked at, not called.

    Args:
        source: Whatever `read_module` takes.
        machine: What `powerfusion.machines.table.find` takes.
        until: The last phase to run.
        after: The phase that the source is after already; by default as its form says.
        remarks: Whether passes say why they did what they did.
        freedoms: What may be computed otherwise than the program says.
    """
    source = import_model(source)
    freedoms = _with_libraries(freedoms, source, machine)
    phases = freedoms.taken_by(_asked(phases_for(machine), remarks))
    return _compile_between(source, phases, machine, until, after, find(machine))


def _with_libraries(freedoms: Freedoms, source: Any, target: str) -> Freedoms:
    """What may be computed otherwise, where nobody said whether products are a library's: those of models for the host.

    Raises:
        UnsupportedError: They are to be, of another target.
    """
    if freedoms.libraries and target != HOST:
        raise UnsupportedError(f"libraries aren't called for '{target}'", help=f"they are for {HOST}")
    if freedoms.libraries is None:
        return replace(freedoms, libraries=target == HOST and isinstance(source, ImportedModel))
    return freedoms


def _asked(phases: Sequence[Phase], remarks: bool) -> Sequence[Phase]:
    """Phases whose passes say why, where that is wanted."""
    return [phase.with_option("remarks", "true") for phase in phases] if remarks else phases


def check_device(device: str | None, target: str, machine: Machine | None) -> None:
    """Makes sure that a device is there for a target, or for a machine.

    Raises:
        UnsupportedError: It isn't, or nobody knows it.
    """
    if device is None:
        return
    if device != SIMULATED:
        raise UnsupportedError(f"expected the device '{SIMULATED}', got '{device}'", help="leave it away for the host")
    if target not in CUDA and (machine is None or machine.emit is None):
        raise UnsupportedError(
            f"nothing simulates code for '{target}'",
            help=f"'{SIMULATED}' is for {', '.join(CUDA)}, and for machines with a table [emit]",
        )


def check_target(target: str) -> None:
    """Makes sure that code is made for a target.

    Raises:
        UnsupportedError: It isn't, or nobody knows the target.
    """
    if target in PIPELINES:
        return
    known = ", ".join(PIPELINES)
    try:
        machine = find(target)
    except MachineError as error:
        if target.endswith(".toml"):
            raise
        raise UnsupportedError(f"expected a target of {known}, got '{target}'", help=error.help) from None
    if machine.emit is not None:
        return
    raise UnsupportedError(
        f"code for '{target}' isn't made yet; it is for {known}",
        help=f"`pf explain IN --target {target}` shows what the program would move there",
    )


def _compile_between(
    source: Any,
    phases: Sequence[Phase],
    target: str,
    until: str | None,
    after: str | None,
    machine: Machine | None,
    *,
    cache: bool = False,
) -> Executable:
    """Takes a source through what of some phases it isn't beyond already."""
    module = read_module(source, lazy=True)
    names = [phase.name for phase in phases]
    for name in filter(None, (until, after)):
        if name not in names:
            raise UnsupportedError(f"expected a phase of {', '.join(names)} for {target}, got '{name}'")
    end = names.index(until) + 1 if until else len(phases)
    firsts = FIRST_PHASES[form_of(module)]
    start = names.index(after) + 1 if after else next(at for at, name in enumerate(names) if name in firsts)
    if cache and target == HOST and end == len(phases):
        return _compile_cached(module, phases[start:end], names[:start])
    return compile_module(module, phases[start:end], target, before=names[:start], machine=machine)


def _compile_cached(module: ir.Module, phases: Sequence[Phase], before: Sequence[str]) -> Executable:
    """Takes a program of the host from the cache, or compiles it to the end and puts it there.

    It is placed as `pf tune` found quickest, where that was run on it.
    """
    files = open_files()
    if files is None:
        return compile_module(module, phases, HOST, before=before)
    key = _key(module, phases, before, HOST)
    candidate = read_choice(files, key.name)
    if candidate:
        phases = _placed_as(phases, candidate)
        key = _key(module, phases, before, HOST)
    found = files.read(key.name)
    if found is None:
        signature = signature_of(module)
        snapshots = run_phases(module, phases, before)
        program = make_program(snapshots, OPTIMIZATION_LEVEL)
        if not was_stopped(snapshots.values()):
            files.write(key.name, encode(key.places, signature, program, snapshots))
        return Executable(HOST, signature, snapshots, program=program)
    stored = decode(found)
    # What names places of the source is another program's where they differ; then it is worked out, if asked for.
    own = bool(stored.packed) and stored.head.places == key.places
    load = stored.snapshots if own else lambda: run_phases(module, phases, before)
    return Executable(HOST, stored.head.signature, LazySnapshots(stored.head.phases, load), program=stored.program)


def _kept(source: Any, phases: Sequence[Phase], target: str, *, cache: bool) -> int:
    """The candidate that `pf tune` kept for a program; 0 where it kept none, or the cache isn't to be asked."""
    files = open_files() if cache else None
    return 0 if files is None else read_choice(files, _key(*_whole(source, phases), target).name)


def _key(module: ir.Module, phases: Sequence[Phase], before: Sequence[str], target: str) -> Key:
    return key_of(module, target, [phase.pipeline for phase in phases], before, OPTIMIZATION_LEVEL)


def _placed_as(phases: Sequence[Phase], candidate: int) -> Sequence[Phase]:
    """Phases that place a program as a candidate behind the model's choice."""
    return [phase.with_option("candidate", str(candidate)) for phase in phases] if candidate else phases


def compile_candidate(source: Any, candidate: int, target: str = HOST, *, cache: bool = True) -> Executable:
    """Compiles a source, placed as a candidate behind the model's choice, which is 0.

    Args:
        source: Whatever `read_module` takes.
        candidate: Its place.
        target: What for: the host, or a GPU.
        cache: Whether the cache of compiled programs is asked, and told.
    """
    if target != HOST:
        return compile_source(source, target, candidate=candidate)
    source = import_model(source)
    module, phases, before = _whole(source, _strict(source, HOST))
    phases = _placed_as(phases, candidate)
    if cache and candidate:
        return _compile_cached(module, phases, before)
    return compile_module(module, phases, HOST, before=before)


def choice_key(source: Any, target: str = HOST) -> str:
    """The key under which `pf tune` keeps which candidate of a source is the quickest."""
    source = import_model(source)
    return _key(*_whole(source, _strict(source, target)), target).name


def _strict(source: Any, target: str) -> Sequence[Phase]:
    """What takes a source to code for a target, where nobody says what may be computed otherwise."""
    return _with_libraries(STRICT, source, target).taken_by(PIPELINES[target])


def _whole(source: Any, phases: Sequence[Phase]) -> tuple[ir.Module, Sequence[Phase], Sequence[str]]:
    """A source, what of some phases takes it to code, and what it is beyond."""
    module = read_module(source, lazy=True)
    names = [phase.name for phase in phases]
    start = next(at for at, name in enumerate(names) if name in FIRST_PHASES[form_of(module)])
    return module, phases[start:], names[:start]


def compile_phases(source: Any, phases: Sequence[Phase], target: str) -> Executable:
    """Takes a source through some phases, keeping what each leaves behind."""
    return compile_module(read_module(source), phases, target, before=())


def compile_module(
    module: ir.Module, phases: Sequence[Phase], target: str, *, before: Sequence[str], machine: Machine | None = None
) -> Executable:
    """Takes a module through some phases, in place.

    Args:
        module: In the form that the first phase takes.
        phases: In order.
        target: What it is compiled for.
        before: Phases that it is beyond already; it stands for what the last of them leaves behind.
        machine: What it is placed for, where that isn't the host.
    """
    signature = signature_of(module)
    return Executable(target, signature, run_phases(module, phases, before), machine)
