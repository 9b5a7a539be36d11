"""Modelled time: by hand on machines that differ, monotone, and the same for a nest and its tile form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from programs.placed_kernels import placed_kernels
from programs.random_gir import GirProgram
from test_ledger import relu_add
from test_placed_tiling import tiled

import powerfusion as pf
from powerfusion.frontend.source import read_module
from powerfusion.machines import find
from powerfusion.machines.host import host
from powerfusion.machines.model import Machine
from powerfusion.passes.analysis.timing import (
    ASSUMED,
    SEAM_PART,
    SpaceBytes,
    Traffic,
    Work,
    pace_of,
    resident_groups,
    time_of,
    uneven,
)
from powerfusion.passes.analysis.timing_ledger import predicted, prediction_of, timing_lines

LAUNCH = 3000
MACHINES = ("sm_90", "gfx942", "mlu372", "cpu")


def test_memory_and_cache_by_hand() -> None:
    """An H100 takes 3352 bytes from memory in a nanosecond, and twice as many, by assumption, from its L2."""
    machine = find("sm_90")
    once = time_of(Traffic((SpaceBytes("global", 3_352_000, 3_352_000),)), machine)
    assert (once.ns, once.bound) == (LAUNCH + 1000, "launch")
    long = time_of(Traffic((SpaceBytes("global", 33_520_000, 33_520_000),)), machine)
    assert (long.ns, long.bound) == (LAUNCH + 10_000, "global")
    again = time_of(Traffic((SpaceBytes("global", 4 * 33_520_000, 33_520_000),)), machine)
    assert (again.ns, again.bound) == (LAUNCH + 20_000, "L2")
    handed = time_of(Traffic((SpaceBytes("global", 33_520_000, 33_520_000, cached=33_520_000),)), machine)
    assert (handed.ns, handed.bound) == (LAUNCH + 5_000, "L2")


def test_bytes_in_flight_by_hand() -> None:
    """132 groups that each wait 600 ns for 2 KB get 450.56 bytes in a nanosecond; what is written isn't waited for."""
    machine = find("sm_90")
    traffic = Traffic((SpaceBytes("global", 4_505_600, 4_505_600),), groups=132, units=64, in_flight_bytes=2048)
    assert time_of(traffic, machine).ns == pytest.approx(LAUNCH + 10_000)
    assert time_of(replace(traffic, groups=66), machine).ns == pytest.approx(LAUNCH + 20_000)
    # 198 groups are a full round and half a one, in which half as many bytes are in flight.
    assert time_of(replace(traffic, groups=198), machine).ns == pytest.approx(LAUNCH + 20_000 / 3 * 2)
    written = replace(traffic, moved=(SpaceBytes("global", 4_505_600, 4_505_600, written=4_505_600),))
    assert time_of(written, machine).ns == pytest.approx(LAUNCH + 4_505_600 / 3352)


def test_what_runs_at_once_by_hand() -> None:
    """Warps, shared memory and registers each let fewer groups onto a core."""
    machine = find("sm_90")
    assert resident_groups(Traffic(units=1), machine) == 16
    assert resident_groups(Traffic(units=8), machine) == 8
    assert resident_groups(Traffic(units=8, peaks=(("shared", 100 << 10),)), machine) == 2
    assert resident_groups(Traffic(units=8, peaks=(("registers", 16 << 10),)), machine) == 2
    assert resident_groups(Traffic(units=8, peaks=(("shared", 1 << 20),)), machine) == 1
    assert [uneven(groups, 132) for groups in (None, 66, 132, 133, 264)] == [1, 2, 1, 264 / 133, 1]


def test_work_by_hand() -> None:
    """An H100's cores do 66,900 operations on f32 in a nanosecond, its tensor cores more; uneven groups cost."""
    machine = find("sm_90")
    work = (Work("elementwise", "f32", 669_000_000), Work("reduce", "f32", 669_000_000))
    assert time_of(Traffic(work=work, groups=132), machine).ns == pytest.approx(LAUNCH + 20_000)
    assert time_of(Traffic(work=work, groups=66), machine).ns == pytest.approx(LAUNCH + 40_000)
    found = time_of(Traffic(work=(*work, Work("contract", "f16", 1))), machine)
    assert {term.name for term in found.terms} == {"cuda_cores", "wgmma"}


def test_an_accelerator_without_a_cache_by_hand() -> None:
    """An MLU370 takes 307.2 bytes in a nanosecond; what its vector unit does isn't published."""
    machine = find("mlu372")
    found = time_of(Traffic((SpaceBytes("gdram", 6_144_000, 3_072_000),)), machine)
    assert (found.ns, found.bound) == (LAUNCH + 10_000, "gdram")
    found = time_of(Traffic(work=(Work("elementwise", "f32", 512_000),)), machine)
    assert found.terms[0].ns == pytest.approx(1000)  # 8 clusters of 4 cores with 16 operations each
    assert {"launch", "rate", "cores"} <= {name for name, each in ASSUMED.items() if each in found.assumed}


def test_a_cpu_by_hand() -> None:
    """Nothing is known of a CPU but its caches and cores; it fetches ahead, so nothing waits for a latency."""
    machine = host()
    pace = pace_of(machine)
    assert pace.latency_ns is None
    traffic = Traffic((SpaceBytes("memory", 2_560_000, 2_560_000),), groups=pace.cores, in_flight_bytes=64)
    assert time_of(traffic, machine).ns == pytest.approx(LAUNCH + 100_000 + SEAM_PART * 50_000)
    on_chip = time_of(Traffic((SpaceBytes("cache", 2_048_000, 0),)), machine)
    assert (on_chip.terms[0].name, on_chip.terms[0].ns) == ("cache", pytest.approx(10_000))
    assert time_of(Traffic((SpaceBytes("registers", 1 << 40, 0),)), machine).ns == LAUNCH


BYTES = st.integers(0, 1 << 40)


@given(
    arriving=BYTES,
    cached=BYTES,
    written=BYTES,
    operations=BYTES,
    groups=st.none() | st.integers(1, 5000),
    flying=st.none() | st.integers(1, 1 << 20),
    more=st.integers(1, 1 << 30),
    name=st.sampled_from(MACHINES),
)
@settings(max_examples=200, deadline=None, database=None)
def test_time_is_monotone(
    arriving: int,
    cached: int,
    written: int,
    operations: int,
    groups: int | None,
    flying: int | None,
    more: int,
    name: str,
) -> None:
    """More bytes, operations or launches never take less; more in flight or in a cache never more."""
    machine = find(name)
    written = min(written, arriving)
    cached = min(cached, arriving - written)
    memory = SpaceBytes(machine.space_of("dram").name, 2 * arriving, arriving, written, cached)
    traffic = Traffic((memory,), (Work("elementwise", "f32", operations),), groups, 4, flying)
    ns = _ns(traffic, machine)
    for changed in (
        replace(traffic, moved=(replace(memory, arriving=arriving + more),)),
        replace(traffic, moved=(replace(memory, issued=2 * arriving + more),)),
        replace(traffic, moved=(replace(memory, cached=cached // 2),)),
        replace(traffic, work=(Work("elementwise", "f32", operations + more),)),
        replace(traffic, in_flight_bytes=flying and max(flying // 2, 1)),
        replace(traffic, launches=2),
    ):
        assert _ns(changed, machine) >= ns


def _ns(traffic: Traffic, machine: Machine) -> float:
    return time_of(traffic, machine).ns * (1 + 1e-12)


def test_what_is_assumed_has_a_reason() -> None:
    assert all(each.why for each in ASSUMED.values())


@pytest.mark.parametrize("program", [pytest.param(program, id=name) for name, program in placed_kernels()])
@pytest.mark.parametrize("name", MACHINES)
def test_a_nest_takes_what_its_tile_form_takes(program: GirProgram, name: str) -> None:
    """Of memory and caches; tiles are padded, so that work is more."""
    machine = find(name)
    arrays = [np.asarray(array) for array in program.inputs]
    shapes = {at: int(array) if array.ndim == 0 else tuple(array.shape) for at, array in enumerate(arrays)}
    module, remarks = tiled(program.text)
    if remarks:
        return
    (nest,), (tile,) = (predicted(form, machine, shapes) for form in (read_module(program.text), module))
    assert nest.traffic is not None
    assert tile.traffic is not None
    assert nest.traffic.moved == tile.traffic.moved
    assert (nest.traffic.groups, nest.traffic.units) == (tile.traffic.groups, tile.traffic.units)


CHAIN = """
func.func @main(%x: tensor<{n}xf32>) -> tensor<{n}xf32> {{
  %k = gir.kernel "first" (%a = %x : tensor<{n}xf32>) -> (tensor<{n}xf32>) {{
    %0 = gir.move %a : tensor<{n}xf32, #gir.at<dram>> -> tensor<{n}xf32, #gir.at<reg>>
    %1 = math.exp %0 : tensor<{n}xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<{n}xf32, #gir.at<reg>> -> tensor<{n}xf32, #gir.at<dram>>
    gir.return %2 : tensor<{n}xf32, #gir.at<dram>>
  }}
  %l = gir.kernel "second" (%a = %k : tensor<{n}xf32>) -> (tensor<{n}xf32>) {{
    %0 = gir.move %a : tensor<{n}xf32, #gir.at<dram>> -> tensor<{n}xf32, #gir.at<reg>>
    %1 = arith.addf %0, %0 : tensor<{n}xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<{n}xf32, #gir.at<reg>> -> tensor<{n}xf32, #gir.at<dram>>
    gir.return %2 : tensor<{n}xf32, #gir.at<dram>>
  }}
  return %l : tensor<{n}xf32>
}}
"""


@pytest.mark.parametrize(("elements", "is_there"), [(1 << 20, True), (1 << 26, False)])
def test_what_the_last_cache_holds_costs_its_bandwidth(elements: int, is_there: bool) -> None:
    """4 MB that one kernel hands to the next are in an L2 of 50 MB, 256 MB aren't; an MLU has no cache."""
    module = read_module(CHAIN.format(n=elements))
    for name in ("sm_90", "mlu372"):
        first, second = predicted(module, find(name))
        assert first.traffic is not None
        assert second.traffic is not None
        assert [work.operations for work in (*first.traffic.work, *second.traffic.work)] == [16 * elements, elements]
        handed = 4 * elements if is_there and name == "sm_90" else 0
        assert [traffic.moved[0].cached for traffic in (first.traffic, second.traffic)] == [0, handed]


def test_a_report_says_how_long_it_takes() -> None:
    report = pf.compile(relu_add("64")).report(machine=find("sm_90"))
    assert report.prediction is not None
    assert report.prediction.ns > LAUNCH
    assert report.to_json()["predicted"]["kernels"][0]["bound"] == "launch"
    assert "predicted time" in str(report)
    assert pf.compile(relu_add("?")).report().prediction is None


def test_words_say_what_was_assumed() -> None:
    module, machine = read_module(CHAIN.format(n=1 << 26)), find("sm_90")
    times = predicted(module, machine)
    first, second, assumed = timing_lines(times)
    assert first.startswith("first: ")
    assert "bound by global" in second
    assert assumed == "assumed: cache bandwidth 2 times memory's, memory latency 600 ns, launch 3000 ns"
    found = prediction_of(times)
    assert found is not None
    assert found.ns == sum(each.time.ns for each in times if each.time)
