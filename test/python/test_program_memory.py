"""Memory of results: given back, kept, handed out again, aligned, and never twice at once."""

from __future__ import annotations

import gc
import multiprocessing
import resource
import threading
from typing import Any

import numpy as np
import pytest

import powerfusion as pf
from powerfusion._native import _host

LINE = 64


def doubling(shape: str) -> Any:
    """A program that adds an array to itself."""
    kind = f"tensor<{shape}xf32>"
    return pf.compile(
        f"""
        func.func @main(%x: {kind}, %o: {kind}) -> {kind} {{
          %r = linalg.add ins(%x, %x : {kind}, {kind}) outs(%o : {kind}) -> {kind}
          return %r : {kind}
        }}"""
    )


def place(array: np.ndarray) -> int:
    """Its address."""
    return array.ctypes.data


@pytest.mark.parametrize("count", [1, 3, 1000, 1 << 20, (1 << 21) + 5])
def test_results_are_aligned_and_right(count: int) -> None:
    """Small ones from the C library, large ones from pages."""
    x = np.arange(count, dtype=np.float32)
    results = [doubling(str(count))(x, x) for _ in range(3)]
    for result in results:
        assert place(result) % LINE == 0
        np.testing.assert_array_equal(result, x + x)


def test_large_memory_comes_again_without_page_faults() -> None:
    """What was given back is handed out again."""
    x = np.ones(1 << 22, np.float32)
    executable = doubling(str(x.size))
    executable(x, x)
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(8):
        executable(x, x)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < 1000  # 8 results have 32768 pages


@pytest.mark.parametrize("kilobytes", [300, 2047, 2048, 4096, 6144, 10241])
def test_memory_of_any_size_comes_again(kilobytes: int) -> None:
    """Blocks are as large as whole pages, which may be by far more than was asked for."""
    x = np.ones(kilobytes << 8, np.float32)
    executable = doubling(str(x.size))
    _host.release_memory()
    places = {place(executable(x, x)) for _ in range(4)}
    assert len(places) == 1


def test_what_is_alive_is_nobody_elses() -> None:
    """Results that live at once don't overlap, however sizes mix."""
    rng = np.random.default_rng(5)
    executable = doubling("?")
    alive: list[tuple[np.ndarray, float]] = []
    for number in range(200):
        x = np.full(int(rng.integers(1, 400_000)), number, np.float32)
        alive.append((executable(x, x), 2.0 * number))
        if len(alive) > 12:
            alive.pop(int(rng.integers(len(alive))))
        for result, value in alive:
            assert result[0] == value
            assert result[-1] == value


def test_threads_share_it() -> None:
    """Calls from several threads at once."""
    executable = doubling("?")
    wrong: list[int] = []

    def work(number: int) -> None:
        for step in range(40):
            x = np.full(70_000 + 997 * ((number * 7 + step) % 13), number + 1, np.float32)
            if not (executable(x, x) == 2 * (number + 1)).all():
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def _forked(queue: Any) -> None:
    x = np.ones(200_000, np.float32)
    queue.put(float(_EXECUTABLE(x, x).sum()))


_EXECUTABLE: Any = None


def test_a_forked_process_goes_on() -> None:
    """It has its own copy of what is kept."""
    global _EXECUTABLE
    _EXECUTABLE = doubling("?")
    x = np.ones(200_000, np.float32)
    _EXECUTABLE(x, x)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=_forked, args=(queue,))
    process.start()
    assert queue.get(timeout=60) == 400_000
    process.join()
    assert process.exitcode == 0


def test_what_is_kept_can_be_released() -> None:
    """And is made anew then."""
    x = np.ones(1 << 22, np.float32)
    executable = doubling(str(x.size))
    executable(x, x)
    gc.collect()
    _host.release_memory()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.testing.assert_array_equal(executable(x, x)[-5:], 2)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt > before
