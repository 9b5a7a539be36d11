"""An exact placement's certificate is accepted by a checker that has no search, and refused once anything is altered.

What the program shows (figures, groups, bounds, costs, schedules) is refused even with a new seal; a reason and a nest
of the same cost are guarded by the seal alone.
"""

from __future__ import annotations

import ast
import copy
import dataclasses
import datetime
import functools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, note, seed, settings
from hypothesis import strategies as st
from programs.check import FULL, parameters
from programs.program import Program
from row_programs import RowProgram
from test_placement import machine_with

import powerfusion.passes.placement.check_certificate as checker
from powerfusion.core._mlir import functions
from powerfusion.errors import CertificateError
from powerfusion.executable import compile_phases
from powerfusion.machines.model import Machine
from powerfusion.machines.table import find
from powerfusion.mlir.passmanager import PassManager
from powerfusion.passes.placement import model
from powerfusion.passes.placement.certificate import Certificate, Certificates, CertifiedBlock, Kept, Refused, sealed
from powerfusion.passes.placement.certify import certify
from powerfusion.passes.placement.check_certificate import Checked, check
from powerfusion.passes.placement.objectives import Objective
from powerfusion.passes.placement.place import place
from powerfusion.passes.placement.read import read
from powerfusion.passes.placement.records import decode, encode
from powerfusion.pipelines import EXPAND, IMPORT, RAISE, SIMPLIFY
from workloads import Workload, workloads

SEED = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())
MACHINES = ("sm_90", "gfx942", "mlu372", "cpu")
OBJECTIVES = ("time", "bytes")
BUDGET = 4096


@dataclasses.dataclass(frozen=True)
class Certified:
    """A certificate, what it is of, and for what."""

    program: model.Program
    objective: Objective
    certificate: Certificate


def certified(text: str, machine: Machine, objective: str, budget: int = BUDGET) -> Certified | None:
    """The certificate of a program's placement, through its file; None where that isn't exact."""
    module = compile_phases(text, (IMPORT, RAISE, SIMPLIFY, EXPAND), "cpu").module("expand")
    with module.context:
        (function,) = functions(module.operation)
        answer = place(function.regions[0].blocks[0], machine, budget, objective)
    aim = Objective(objective, machine)
    found = certify(answer, aim)
    return None if found is None else Certified(answer.program, aim, reread(found))


def reread(certificate: Certificate) -> Certificate:
    """A certificate written to a file and read again."""
    text = Certificates((CertifiedBlock("main", 0, certificate),)).to_json()
    (block,) = Certificates.from_json(text).blocks
    assert block.certificate is not None
    assert block.certificate == certificate
    return block.certificate


def accept(text: str, machine: str, objective: str) -> Checked | None:
    """Checks a program's certificate; None where there is none."""
    found = certified(text, find(machine), objective)
    return None if found is None else check(found.certificate, found.program, found.objective)


@pytest.mark.parametrize("objective", OBJECTIVES if FULL else ("time",))
@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("program", [p for p in parameters("chains") if not p.marks][:: 1 if FULL else 4])
def test_chains_are_accepted(program: Program, machine: str, objective: str) -> None:
    """Softmax, layer norm and the like, each as the suite writes it: all are exact."""
    checked = accept(program.text, machine, objective)
    assert checked is not None
    assert checked.groups > 0


def _workloads() -> list[Any]:
    chosen = workloads() if FULL else [w for w in workloads() if w.dtype == "f32"][::9]
    return [pytest.param(w, id=f"{w.name}-{w.dtype}") for w in chosen]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("workload", _workloads())
def test_workloads_are_accepted(workload: Workload, machine: str) -> None:
    """Programs of the table at their small sizes, wherever the answer is exact."""
    for objective in OBJECTIVES if FULL else ("bytes",):
        accept(workload.text("small"), machine, objective)


def sum_of_exponentials() -> str:
    """Of one row: nothing that is stored runs over what is folded."""
    p = RowProgram({"r": 1, "c": 17})
    x = p.input("rc")
    e = p.each("rc", lambda b, a, m: b.exp(b.sub(a, m)), x, p.fold("maximumf", x, "c"))
    return p.text(p.fold("addf", e, "c"))


def test_what_is_combined_at_once_is_accepted() -> None:
    """A dimension that is folded, in no store and not swept: of a unit, or each of a few units has a part of it."""
    attention = next(w for w in workloads() if (w.name, w.dtype) == ("gpt2_decode_attention", "f32")).text("small")
    for text, units in ((sum_of_exponentials(), 1), (attention, 4)):
        found = certified(text, find("mlu372"), "time")
        assert found is not None
        (nest,) = [entry.nest for each in found.certificate.components for entry in each.placed]
        assert (nest[-1].swept, nest[-1].size, nest[-1].units) == (False, 17, units)
        check(found.certificate, found.program, found.objective)


def test_what_is_combined_in_steps_is_swept() -> None:
    """Without a sweep each step would use what it has combined alone."""
    found = certified(sum_of_exponentials(), find("mlu372"), "time")
    assert found is not None
    (component,) = found.certificate.components
    (entry,) = component.placed
    nest = (dataclasses.replace(entry.nest[0], per_step=5),)
    parts = dataclasses.replace(component, placed=(dataclasses.replace(entry, nest=nest),))
    altered = sealed(dataclasses.replace(found.certificate, components=(parts,)))
    with pytest.raises(CertificateError, match="combines in steps what it doesn't sweep"):
        check(altered, found.program, found.objective)


def test_a_beam_has_no_certificate() -> None:
    """What isn't exact can't be certified."""
    assert certified(two_ways(), machine_with(256), "bytes", budget=2) is None


def test_the_checker_has_no_search() -> None:
    """Nothing that it imports, directly or not, is what the search or its forms are made of."""
    folder = Path(checker.__file__).parent
    prefix = "powerfusion.passes.placement."
    seen: set[str] = set()
    stack = ["check_certificate"]
    while stack:
        name = stack.pop()
        if name not in seen:
            seen.add(name)
            nodes = ast.walk(ast.parse((folder / f"{name}.py").read_text()))
            found = [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
            stack += [module.removeprefix(prefix) for module in found if module.startswith(prefix)]
    assert not seen & {"search", "groups", "sketches", "nests", "bounds", "certify", "place", "ways"}


# -- what is altered -------------------------------------------------------------------------------------


def tiny(reg_bytes: int = 64) -> Machine:
    """A CPU with 256 B of sram for a core, which asks DRAM for elements."""
    machine = machine_with(256)
    spaces = (
        dataclasses.replace(space, capacity_bytes=reg_bytes)
        if space.level == "reg"
        else dataclasses.replace(space, granule_bytes=1)
        for space in machine.spaces
    )
    return dataclasses.replace(machine, spaces=tuple(spaces))


def two_ways() -> str:
    """Rows are normalised, then columns: no nest has both, so the groups are placed, kept, refused and promised."""
    p = RowProgram({"r": 12, "c": 40})
    x = p.input("rc")
    m = p.fold("maximumf", x, "c")
    e = p.each("rc", lambda b, a, m: b.exp(b.sub(a, m)), x, m)
    s = p.fold("addf", e, "r")
    y = p.each("rc", lambda b, a, s: b.div(a, s), e, s)
    z = p.each("rc", lambda b, a, m, x: b.add(b.mul(a, m), x), y, p.fold("maximumf", y, "c"), x)
    return p.text(z)


@functools.cache
def subject() -> Certified:
    """A certificate with entries of every kind."""
    found = certified(two_ways(), tiny(), "bytes")
    assert found is not None
    (component,) = found.certificate.components
    assert all((component.placed, component.kept, component.refused, component.promised))
    return found


def refused(altered: Certificate, *, seal: bool) -> str:
    """What the checker says against a certificate, with a new seal or the old one."""
    found = subject()
    with pytest.raises(CertificateError) as error:
        check(sealed(altered) if seal else altered, found.program, found.objective)
    return error.value.message


def with_component(**changes: Any) -> Certificate:
    """The subject with another component."""
    certificate = subject().certificate
    (component,) = certificate.components
    return dataclasses.replace(certificate, components=(dataclasses.replace(component, **changes),))


def replaced(kind: str, **changes: Any) -> Certificate:
    """The subject with its first entry of a kind changed."""
    (component,) = subject().certificate.components
    first, *others = getattr(component, kind)
    return with_component(**{kind: (dataclasses.replace(first, **changes), *others)})


def test_the_subject_is_accepted() -> None:
    """Unaltered it holds, and counts its entries."""
    found = subject()
    (component,) = found.certificate.components
    checked = check(found.certificate, found.program, found.objective)
    assert checked.counted == len(component.placed) + len(component.kept)
    assert checked.bounded == len(component.promised)
    assert (checked.shown, checked.believed) == (0, len(component.refused))


@pytest.mark.parametrize("name", [each.name for each in dataclasses.fields(model.Cost)])
@pytest.mark.parametrize("more", [-1, 1])
def test_altered_costs_and_bounds_are_refused(name: str, more: int) -> None:
    """Each figure of a cost, up and down, with a seal that fits."""
    (component,) = subject().certificate.components
    for kind, field in (("placed", "cost"), ("kept", "cost"), ("promised", "bound")):
        cost = getattr(getattr(component, kind)[0], field)
        other = dataclasses.replace(cost, **{name: getattr(cost, name) + more})
        assert f"expected the {field} of the kernels" in refused(replaced(kind, **{field: other}), seal=True)


def test_altered_reasons_are_refused() -> None:
    """By the seal; one that the kernels show, whatever the seal."""
    assert "the seal is broken" in refused(replaced("refused", reason="it is too hard"), seal=False)
    assert "there is no reason" in refused(replaced("refused", reason=""), seal=True)
    other = replaced("refused", reason=checker.ANOTHER_SHAPE)
    assert "since None, not since one loads what another stores in another shape" in refused(other, seal=True)


def in_another_shape() -> tuple[Certified, set[int]]:
    """The subject as if a kernel loaded what another stores in another shape, and these two; they are never one."""
    found = subject()
    (component,) = found.certificate.components
    placed = [set(entry.nodes) for entry in component.placed]
    pair, load = next(
        (set(entry.nodes), number)
        for entry in component.refused
        if len(entry.nodes) == 2 and not any(set(entry.nodes) <= nodes for nodes in placed)
        for number in found.program.kernels[entry.nodes[1]].ops
        if (op := found.program.ops[number]).kind is model.Kind.LOAD
        and op.outer.tensor in found.program.kernels[entry.nodes[0]].writes
    )
    ops = list(found.program.ops)
    ops[load] = dataclasses.replace(ops[load], outer=dataclasses.replace(ops[load].outer, reach=None))
    program = dataclasses.replace(found.program, ops=tuple(ops))
    return Certified(program, found.objective, dataclasses.replace(found.certificate, program=program)), pair


def test_reasons_that_kernels_show_are_looked_at() -> None:
    """Kernels that show why they can't be one may stand there as refused for that reason, and for no other."""
    found, pair = in_another_shape()
    (component,) = found.certificate.components
    both = {entry.nodes for entry in component.refused if pair <= set(entry.nodes)}

    def altered(reason: str) -> Certificate:
        refused = [Refused(e.nodes, reason) if e.nodes in both else e for e in component.refused]
        parts = dataclasses.replace(component, refused=tuple(refused))
        return sealed(dataclasses.replace(found.certificate, components=(parts,)))

    assert check(altered(checker.ANOTHER_SHAPE), found.program, found.objective).shown == len(both)
    with pytest.raises(CertificateError, match="can't be one since one loads what another stores in another shape"):
        check(altered("it is too hard"), found.program, found.objective)


@pytest.mark.parametrize("kind", ["placed", "kept", "refused", "promised"])
def test_dropped_and_repeated_candidates_are_refused(kind: str) -> None:
    """Each entry, with a seal that fits."""
    (component,) = subject().certificate.components
    entries = getattr(component, kind)
    for at, entry in enumerate(entries):
        assert "are missing" in refused(with_component(**{kind: (*entries[:at], *entries[at + 1 :])}), seal=True)
        assert "stand there twice" in refused(with_component(**{kind: (*entries, entry)}), seal=True)


def test_added_candidates_are_refused() -> None:
    """A group that isn't connected, that another kernel stands between, or with a kernel that there isn't."""
    (component,) = subject().certificate.components
    for nodes in ((0, 2), (0, 3), (*component.nodes, 999), ()):
        added = dataclasses.replace(component.promised[0], nodes=nodes)
        assert "are no connected groups" in refused(with_component(promised=(*component.promised, added)), seal=True)


def test_a_dearer_partition_is_refused() -> None:
    """All kernels as they are is a partition that can run, but not the cheapest."""
    (component,) = subject().certificate.components
    claimed = tuple((node,) for node in component.nodes)
    counter = checker.Counter(checker.Kernels(subject().program), subject().objective)
    kept = tuple(Kept(nodes, counter.kept(nodes)) for nodes in claimed)
    total = functools.reduce(lambda one, other: one + other, (entry.cost for entry in kept))
    promised = tuple(entry for entry in component.promised if len(entry.nodes) > 1)
    altered = with_component(claimed=claimed, cost=total, kept=kept, promised=promised)
    assert "a partition may cost" in refused(altered, seal=True)


def test_a_promise_in_place_of_a_look_is_refused() -> None:
    """If a group that was looked at is only promised, the way through it may be cheaper than what is claimed."""
    (component,) = subject().certificate.components
    counter = checker.Counter(checker.Kernels(subject().program), subject().objective)
    said: set[str] = set()
    for entry in component.refused:
        less = tuple(each for each in component.refused if each != entry)
        promise = dataclasses.replace(component.promised[0], nodes=entry.nodes, bound=counter.bound(entry.nodes))
        altered = sealed(with_component(refused=less, promised=(*component.promised, promise)))
        try:
            check(altered, subject().program, subject().objective)
        except CertificateError as error:
            said.add(error.message[:24])
    assert said == {"a partition may cost Cos"}


def test_another_program_objective_or_machine_is_refused() -> None:
    """A certificate says nothing of anything else."""
    found = subject()
    p = RowProgram({"r": 12, "c": 40})
    x = p.input("rc")
    other = certified(p.text(p.each("rc", lambda b, a: b.exp(a), x)), machine_with(256), "bytes")
    assert other is not None
    for program, objective, message in (
        (other.program, found.objective, "it is of another program: its"),
        (found.program, Objective("time", tiny()), "it is of the objective 'bytes'"),
        (found.program, Objective("bytes", tiny(128)), "it is of another machine"),
        (found.program, Objective("bytes", find("sm_90")), "it is of another machine"),
    ):
        with pytest.raises(CertificateError, match=message):
            check(found.certificate, program, objective)


# -- any number, any entry -------------------------------------------------------------------------------

Where = tuple[str | int, ...]


def places_of(tree: Any, at: Where = ()) -> Iterator[tuple[Where, Any]]:
    """Everything that a tree of JSON has, with where it stands."""
    yield at, tree
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield from places_of(value, (*at, key))


def below(tree: Any, at: Where) -> Any:
    """What stands somewhere."""
    for key in at:
        tree = tree[key]
    return tree


@functools.cache
def alterations() -> tuple[list[Where], list[Where]]:
    """Where numbers stand, and where entries of lists do."""
    tree = encode(subject().certificate)
    numbers = [at for at, value in places_of(tree) if type(value) is int]
    return numbers, [at for at, _ in places_of(tree) if at and isinstance(at[-1], int)]


def attempt(tree: Any) -> str | None:
    """What is said against an altered certificate, whose seal fits again; None where nothing is."""
    found = subject()
    try:
        altered = decode(Certificate, tree, "certificate")
        with pytest.raises(CertificateError):
            check(altered, found.program, found.objective)
        check(sealed(altered), found.program, found.objective)
    except CertificateError as error:
        return error.message
    return None


@seed(SEED)
@settings(max_examples=3000 if FULL else 60, deadline=None, database=None)
@given(data=st.data())
def test_any_altered_number_or_dropped_entry_is_refused(data: st.DataObject) -> None:
    """Also with a seal that fits again, except in a nest: there another one may cost the same."""
    tree = copy.deepcopy(encode(subject().certificate))
    numbers, entries = alterations()
    drops = data.draw(st.booleans())
    at = data.draw(st.sampled_from(entries if drops else numbers))
    if drops:
        del below(tree, at[:-1])[at[-1]]
    else:
        below(tree, at[:-1])[at[-1]] += data.draw(st.integers(-(1 << 40), 1 << 40).filter(bool))
    note(f"PF_TEST_SEED={SEED} {'dropped' if drops else 'altered'} {at}")
    assert attempt(tree) or "nest" in at


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "isn't JSON"),
        ("[]", "expected a file of the format"),
        ('{"format": 1, "format": 1}', "stands twice"),
        ('{"format": "powerfusion placement certificate 1"}', "to have the keys"),
        ('{"format": "powerfusion placement certificate 1", "blocks": 3}', "to be a list"),
        ('{"format": "powerfusion placement certificate 1", "blocks": [3]}', "to be an object"),
    ],
)
def test_files_of_another_form_are_refused(text: str, message: str) -> None:
    """Whatever stands in a file is checked before it is believed."""
    with pytest.raises(CertificateError, match=message):
        Certificates.from_json(text)


def test_the_pass_writes_certificates(tmp_path: Path) -> None:
    """`gir-place{certificate=...}` writes per block what a checker accepts of the program as it was read before."""
    path = tmp_path / "certificate.json"
    module = compile_phases(two_ways(), (IMPORT, RAISE, SIMPLIFY), "cpu").module("simplify")
    with module.context:
        (function,) = functions(module.operation)
        program, _ = read(function.regions[0].blocks[0])
        options = f"machine=sm_90 certificate={path}"
        PassManager.parse(f"builtin.module(gir-place{{{options}}})").run(module.operation)
    (block,) = Certificates.from_json(path.read_text()).blocks
    assert (block.function, block.block) == ("main", 0)
    assert block.certificate is not None
    assert json.loads(path.read_text())["format"].startswith("powerfusion placement certificate")
    assert check(block.certificate, program, Objective("time", find("sm_90"))).groups > 0
