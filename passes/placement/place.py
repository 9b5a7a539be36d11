"""`gir-place`: kernels become one where that moves fewer bytes, each value at the level where it waits cheapest.

Rewrite:
    %m = gir.kernel (%x) { max over c of %x }
    %y = gir.kernel (%x, %m) { %x - spread of %m }
  ⇒ %y = gir.kernel (%x) nest <[r = 64 : 8 : 8 : 1, c = 512 : 512 : 512 : 32], sweep = [c]> {
      %s = move %x over [r, c] : dram -> sram
      %0 = move %s : sram -> reg                    pass 0: %m = max over c of %0
      %1 = move %s pass 1 : sram -> reg             pass 1: %1 - spread of %m
    }

Contract: takes simplified graph form, expanded or not; kernels that gain nothing, or have what isn't placed
(assertions, scatters, insertions, what is stored and read again), stay as they are. What several groups load
each for themselves is asked for more often than before.

The kernels of a block are read once into plain records (`model`, `read`, `reaches`), of each alternatives the
best way is taken (`ways`), a partition into groups is searched (`search`, under `bounds`), in each group the
roles of dimensions (`groups`), then nest, passes and what rests (`sketches`, `nests`, `schedules`, `windows`),
by what that costs (`cost`, `tiles`, `objectives`); the answer is written back once (`emit`). With `remarks` each
placed kernel says what it is promised to move, the function whether the search was exact, and each edge that
stayed at sram or dram what it costs and what blocked it.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from powerfusion.core._mlir import functions
from powerfusion.core.diagnostics import emit_remark
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.core.statistics import count
from powerfusion.errors import CertificateError, UnsupportedError
from powerfusion.machines.model import Machine
from powerfusion.machines.table import find
from powerfusion.mlir import ir
from powerfusion.passes.fusion.rebuild import sort_block
from powerfusion.passes.placement.alike import Forms
from powerfusion.passes.placement.candidates import ranked
from powerfusion.passes.placement.certificate import Certificates, CertifiedBlock
from powerfusion.passes.placement.certify import certify
from powerfusion.passes.placement.emit import emit
from powerfusion.passes.placement.model import Form
from powerfusion.passes.placement.objectives import OBJECTIVES, Objective
from powerfusion.passes.placement.read import read
from powerfusion.passes.placement.remarks import Placing, edges_of, emit_edges
from powerfusion.passes.placement.search import Answer, search
from powerfusion.passes.placement.ways import prepare, take_ways


@register_pass
@dataclass(frozen=True)
class PlacePass(Pass):
    """Merges kernels into placed ones: nest, passes and the level of every edge."""

    name: ClassVar[str] = "gir-place"
    requires: ClassVar[frozenset[str]] = frozenset({"graph-form"})
    invalidates: ClassVar[frozenset[str]] = frozenset({"naive"})
    machine: str = option("cpu", help="For which: a machine's name, or a .toml that describes one")
    objective: str = option(
        "time",
        help="What is made small: time, by a model; or bytes, those of DRAM before launches before those of sram",
    )
    budget: int = option(
        4096, help="Groups of kernels, and sets of them, that are looked at before the search is a beam"
    )
    remarks: bool = option(False, help="Say at each placed kernel what it moves, and at the function how it was found")
    candidate: int = option(
        0, help="Which placement: the best by the model, or so many places behind it, to be measured"
    )
    reg_share: int = option(1, help="Place as if only one in so many of the bytes at reg were there")
    certificate: str = option("", help="A file to write: per function, why no other partition costs less")

    def run(self, op: ir.Operation) -> None:
        """Places the kernels of every block of every function."""
        if self.objective not in OBJECTIVES:
            raise UnsupportedError(f"expected an objective of {', '.join(OBJECTIVES)}, got '{self.objective}'")
        if self.candidate and self.certificate:
            raise UnsupportedError(
                "only the best placement has a certificate", help="leave out candidate or certificate"
            )
        machine = find(self.machine).narrowed(self.reg_share)
        certified: list[CertifiedBlock] = []
        for function in functions(op):
            for number, block in enumerate(function.regions[0].blocks):
                how = self.budget, self.objective
                answer = place(block, machine, *how, remarks=self.remarks, candidate=self.candidate)
                if self.certificate:
                    found = certify(answer, Objective(self.objective, machine))
                    certified.append(CertifiedBlock(_name_of(function), number, found))
                if self.remarks and answer.choices:
                    emit_remark(function.location, _summary(answer))
        if self.certificate:
            _write(Path(self.certificate), Certificates(tuple(certified)))


def place(
    block: ir.Block,
    machine: Machine,
    budget: int,
    objective: str = "time",
    *,
    remarks: bool = False,
    candidate: int = 0,
) -> Answer:
    """Places the kernels of one block; where there are fewer candidates than the one asked for, as the best."""
    aim = Objective(objective, machine)
    forms = Forms(aim)
    with _no_collections():
        take_ways(block, aim, budget, forms)
        prepare(block)
        program, handles = read(block)
        answer = search(program, aim, budget, forms=forms)
        if candidate:
            others = ranked(program, aim, budget, forms, answer, candidate + 1)
            answer = others[candidate] if candidate < len(others) else answer
    made: list[tuple[ir.Operation, Sequence[int]]] = []
    for form in [choice.form for choice in answer.choices if choice.form is not None]:
        kernel = emit(form, program, handles)
        made.append((kernel, form.nodes))
        if remarks:
            emit_remark(kernel.location, _words(form))
    count("kernels given a nest", len(made))
    count("kernels merged", sum(len(nodes) - 1 for _, nodes in made))
    sort_block(block)
    if remarks:
        emit_edges(edges_of(block, machine, Placing.of(program, handles, answer, made, forms)))
    return answer


@contextmanager
def _no_collections() -> Iterator[None]:
    """Python's collector rests: what a search makes lives as long as it does, and is long to visit."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _name_of(function: ir.Operation) -> str:
    return str(ir.StringAttr(function.attributes["sym_name"]).value)


def _write(path: Path, certificates: Certificates) -> None:
    """Writes certificates to a file.

    Raises:
        CertificateError: It can't be written.
    """
    try:
        path.write_text(certificates.to_json(), encoding="utf-8")
    except OSError as error:
        raise CertificateError(f"{path} can't be written: {error.strerror}", help="name another file") from error


def _summary(answer: Answer) -> str:
    way = "stopped by time" if answer.stopped else "exact" if answer.exact else "beam, out of budget"
    placed = [choice for choice in answer.choices if choice.form is not None]
    merged = sum(len(choice.nodes) for choice in placed)
    return (
        f"{merged} kernels placed as {len(placed)}, {len(answer.choices) - len(placed)} as they were; "
        f"{way}, {answer.expanded} groups and sets looked at"
    )


def _words(form: Form) -> str:
    cost = form.cost
    return (
        f"placed {len(form.nodes)} kernels as one: {cost.useful} B of dram, {cost.arriving} B arriving, "
        f"{cost.sram} B of sram, {form.peak} B held there"
    )
