"""Kernels become one only where no more bytes of DRAM arrive than for them apart, whatever a launch costs."""

from __future__ import annotations

import dataclasses

import pytest
from test_placement import MACHINE, placed
from test_placement_certificate import Certified, certified

from powerfusion.errors import CertificateError
from powerfusion.passes.placement.alike import Forms
from powerfusion.passes.placement.certificate import Placed, sealed
from powerfusion.passes.placement.check_certificate import check
from powerfusion.passes.placement.groups import form_of
from powerfusion.passes.placement.model import Form
from powerfusion.passes.placement.objectives import Objective
from workloads.writer import Writer


def corner_and_all() -> str:
    """A corner of a square, and its double: as one kernel the sweep of the corner goes around that of the square."""
    w = Writer()
    x = w.argument((17, 17), "f32")
    return w.text(w.binary("addf", x, x), w.sliced(x, [0, 0], [2, 2]))


def as_one(found: Certified) -> Form:
    """The two kernels in the form that costs least, however many bytes arrive."""
    (component,) = found.certificate.components
    form = form_of(found.program, found.objective.machine, component.nodes, found.objective)
    assert isinstance(form, Form)
    return form


def subject() -> Certified:
    """The kernels placed for time."""
    found = certified(corner_and_all(), MACHINE, "time")
    assert found is not None
    return found


def test_a_launch_is_not_saved_with_bytes() -> None:
    """One kernel would take less time and store the square four times; there are two."""
    found, key = subject(), Objective("time", MACHINE).key
    (component,) = found.certificate.components
    raising = as_one(found)
    assert key(raising.cost) < key(component.cost)
    assert raising.cost.arriving > component.cost.arriving
    assert len(component.claimed) == 2
    assert len(placed(corner_and_all()).kernels) == 2


def test_the_form_that_moves_no_more_is_taken() -> None:
    """Whoever asks for a group's form gets none that is cheaper than its kernels apart since more bytes arrive."""
    found = subject()
    (component,) = found.certificate.components
    form = Forms(found.objective).form_of(found.program, component.nodes)
    assert not isinstance(form, Form) or form.cost.arriving <= component.cost.arriving


def test_a_certificate_shows_it() -> None:
    """The checker refuses a partition that is cheaper and moves more."""
    found = subject()
    (component,) = found.certificate.components
    form = as_one(found)
    altered = dataclasses.replace(
        component,
        cost=form.cost,
        claimed=(form.nodes,),
        placed=(Placed(form.nodes, form.cost, form.nest, form.steps),),
        refused=(),
    )
    certificate = sealed(dataclasses.replace(found.certificate, components=(altered,)))
    with pytest.raises(CertificateError, match=rf"^{form.cost.arriving} B arrive for the kernels"):
        check(certificate, found.program, found.objective)
    check(found.certificate, found.program, found.objective)
