"""The simulator's model of time: pipes overlap, waits add up, a trace shows it; where its figures are from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from simulated import ADD_EXP, DSP, altered, compiled

import powerfusion as pf
from powerfusion.emit.sim.times import constants, times_of
from powerfusion.errors import InputError, UnsupportedError
from powerfusion.machines import find
from workloads import find as workload_of

MLU = "mlu:mlu372"


def test_a_call_adds_up() -> None:
    """One tile: two copies one after the other on one pipe, then two calls, then the copy back."""
    rows, columns = 16, 256
    program = compiled(ADD_EXP.replace("70x300", f"{rows}x{columns}"), MLU)
    time = program.timeline()
    known = constants()
    each = {(event.task, event.name): event for event in time.events}
    task = max(event.task for event in time.events)
    into = [event for event in time.events if (event.task, event.name) == (task, "gdram -> nram")]
    size = 4 * rows * columns / len({event.task for event in time.events})
    copied = known["copy_latency_ns"] + size / (known["memory_bytes_per_ns"] / 16)
    made = known["vector_issue_ns"] + size / known["vector_bytes_per_ns"]
    assert [event.end_ns - event.start_ns for event in into] == pytest.approx([copied, copied])
    assert into[1].start_ns == into[0].end_ns
    assert each[task, "__bang_add"].start_ns == into[1].end_ns
    assert time.ns == pytest.approx(3 * copied + 2 * made)
    assert time.busy_ns == pytest.approx({"__sync_io": 3 * copied, "vector unit": 2 * made})
    assert sum(time.bytes.values()) == 3 * 4 * rows * columns
    assert "of arith.addf" in each[task, "__bang_add"].place


def test_overlap() -> None:
    """What isn't waited for goes on beside what is computed: without its waits, a program takes its longest pipe."""
    program = compiled(ADD_EXP, MLU)
    before = program.timeline()
    after = altered(program, lambda text: text.replace("__sync_io();", "").replace("__sync_compute();", "")).timeline()
    assert after.busy_ns == before.busy_ns
    assert after.ns == pytest.approx(after.longest_ns)
    assert before.ns > before.longest_ns


def test_loads_ahead() -> None:
    """While a step computes, what the next one reads and what the last one stored are on their way."""
    program = compiled(workload_of("swiglu").text("full"), MLU)
    loop = program.c_source.code.split("__mlu_global__ void")[1].split("__sync_io();", 1)[1].split("return;")[0]
    order = [loop.index(word) for word in ("for (", "% 3", "if (", "GDRAM2NRAM", "__bang_", "__sync_io", "NRAM2GDRAM")]
    assert order == sorted(order)
    assert loop.count("__sync_io") == 2, "one in each step, and one behind the loop"
    time = program.timeline()
    assert time.longest_ns == time.busy_ns["__sync_io"]
    assert time.ns < 1.02 * time.longest_ns
    counted = sum(time.bytes.values())
    assert counted == 3 * 4 * 4096 * 11008, "no more than without"


def test_sizes_do_not_matter() -> None:
    """Nothing is moved: the full sizes of a program take no longer to time than small ones."""
    time = compiled(workload_of("relu_add").text("full"), "mlu:mlu592").timeline()
    assert time.bytes["gdram -> nram"] == 2 * time.bytes["nram -> gdram"] == 2 * 64 << 20
    assert time.longest_ns == time.busy_ns["__sync_io"]
    assert time.longest_ns < time.ns < 1.15 * time.longest_ns


def test_trace(tmp_path: Path) -> None:
    """As Perfetto reads it: spans in microseconds, a process per task, a named thread per pipe."""
    time = compiled(ADD_EXP, f"file:{DSP}").timeline()
    time.write_trace(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    spans = [event for event in events if event["ph"] == "X"]
    assert len(spans) == len(time.events)
    assert max(span["ts"] + span["dur"] for span in spans) == pytest.approx(time.ns / 1000, rel=1e-3)
    names = {event["args"]["name"] for event in events if event["ph"] == "M"}
    assert names == {"dsp_dma_wait_in", "dsp_dma_wait_out", "vector unit"}


def test_figures() -> None:
    """A machine's own where it has some."""
    machine = find(str(DSP))
    assert machine.emit is not None
    assert times_of(machine, machine.emit).vector_bytes_per_ns == 64 * 4 / 4
    mlu = find("mlu372")
    assert mlu.emit is not None
    assert times_of(mlu, mlu.emit).vector_bytes_per_ns == constants()["vector_bytes_per_ns"]


def test_what_has_no_time() -> None:
    """Hosts, and open sizes."""
    with pytest.raises(UnsupportedError, match="no model of time for cpu"):
        pf.compile(ADD_EXP).timeline()
    with pytest.raises(InputError, match="open"):
        compiled(
            ADD_EXP.replace("70x300", "?x300")
            .replace("tensor.empty()", "tensor.empty(%n)")
            .replace(
                "{\n  %e", "{\n  %c0 = arith.constant 0 : index\n  %n = tensor.dim %x, %c0 : tensor<?x300xf32>\n  %e", 1
            ),
            MLU,
        ).timeline()
