"""The files of the cache: whole or absent whatever happens to them, bounded, and shared by processes without locks."""

from __future__ import annotations

import errno
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from powerfusion import knobs
from powerfusion.cache import files as cache_files
from powerfusion.cache.files import ABANDONED_S, CacheWarning, Files
from powerfusion.errors import PowerFusionError

KEY = "0123456789abcdef" * 4
OTHER = "fedcba9876543210" * 4
CONTENTS = bytes(range(256)) * 8
LIMIT = 1 << 20
NOBODY = 65534


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """A cache that isn't there yet."""
    return Files(tmp_path / "programs", LIMIT)


def place(files: Files, key: str = KEY) -> Path:
    """Where an entry is."""
    return files.folder / f"{key}.pfc"


def key(number: int) -> str:
    """One of many."""
    return f"{number:064x}"


def partials(files: Files) -> list[Path]:
    """What is half-written."""
    return [path for path in files.folder.iterdir() if path.suffix == ".tmp"]


def test_what_is_written_is_read(files: Files) -> None:
    """In pieces, empty ones among them, and again."""
    assert files.read(KEY) is None
    files.write(KEY, [CONTENTS[:7], b"", memoryview(CONTENTS)[7:]])
    assert files.read(KEY) == CONTENTS
    files.write(KEY, [b""])
    assert files.read(KEY) == b""
    assert [path.name for path in files.folder.iterdir()] == [f"{KEY}.pfc"]


def test_any_flipped_byte_is_found(files: Files) -> None:
    """In magic, length, hash and contents; a whole entry under it replaces it."""
    files.write(KEY, [CONTENTS])
    whole = place(files).read_bytes()
    for at in (*range(48), 48, 49, 1000, len(whole) - 1):
        damaged = bytearray(whole)
        damaged[at] ^= 1
        place(files).write_bytes(damaged)
        assert files.read(KEY) is None, at
    files.write(KEY, [CONTENTS])
    assert files.read(KEY) == CONTENTS


def test_any_other_length_is_found(files: Files) -> None:
    """Cut off anywhere, or with something behind it."""
    files.write(KEY, [CONTENTS])
    whole = place(files).read_bytes()
    for length in (0, 1, 8, 47, 48, 49, len(whole) // 2, len(whole) - 1):
        place(files).write_bytes(whole[:length])
        assert files.read(KEY) is None, length
    place(files).write_bytes(whole + b"\0")
    assert files.read(KEY) is None


def test_an_entry_counts_under_its_own_name(files: Files) -> None:
    """A file that was renamed is no entry of that key."""
    files.write(KEY, [CONTENTS])
    place(files).rename(place(files, OTHER))
    assert files.read(OTHER) is None


def test_what_others_could_write_is_not_believed(files: Files) -> None:
    """Neither such a file, nor a folder of such files: what is in them would run."""
    files.write(KEY, [CONTENTS])
    assert (files.folder.stat().st_mode & 0o777, place(files).stat().st_mode & 0o777) == (0o700, 0o600)
    place(files).chmod(0o660)
    assert files.read(KEY) is None
    files.folder.chmod(0o777)
    with pytest.warns(CacheWarning, match=f"kept in {files.folder}: others may write to it; PF_CACHE names"):
        files.write(OTHER, [CONTENTS])


DYING = """
import os, signal, sys
from pathlib import Path
from powerfusion.cache import files

class Dying:
    def __init__(self, stream, left):
        self.stream, self.left = stream, left
    def __enter__(self):
        return self
    def __exit__(self, *_):
        self.stream.close()
        os.kill(os.getpid(), signal.SIGKILL)      # whole, and not in its place yet
    def write(self, data):
        self.left -= 1
        if self.left < 0:
            self.stream.write(data[: len(data) // 2])
            self.stream.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        self.stream.write(data)

create = files._created
files._created = lambda path: Dying(create(path), int(sys.argv[2]))
files.Files(Path(sys.argv[1]), 1 << 20).write(sys.argv[3], [bytes(1000), bytes(1000)])
"""


@pytest.mark.parametrize("writes", range(4))
def test_a_killed_process_leaves_no_entry(files: Files, writes: int) -> None:
    """Killed in its head, its contents, or between writing and renaming; what it leaves is removed when it is old."""
    done = subprocess.run([sys.executable, "-c", DYING, files.folder, str(writes), KEY], check=False)
    assert done.returncode == -signal.SIGKILL
    assert files.read(KEY) is None
    assert not files.entries()
    (left,) = partials(files)
    files.write(KEY, [CONTENTS])
    assert files.read(KEY) == CONTENTS
    assert partials(files) == [left]
    os.utime(left, (0, time.time() - ABANDONED_S - 1))
    files.write(OTHER, [CONTENTS])
    assert not partials(files)
    assert len(files.entries()) == 2


def test_a_full_disk(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system says so when the file is written; nothing is left, and the entry from before stays."""
    files.write(KEY, [b"before"])
    monkeypatch.setattr(cache_files, "_created", lambda _: os.fdopen(os.open("/dev/full", os.O_WRONLY), "wb"))
    with pytest.warns(CacheWarning, match=rf"{os.strerror(errno.ENOSPC).lower()[1:]}; PF_CACHE names another"):
        files.write(KEY, [CONTENTS])
    assert files.read(KEY) == b"before"
    assert not partials(files)


LIMITED = """
import resource, signal, sys, warnings
from pathlib import Path
from powerfusion.cache.files import Files

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
with warnings.catch_warnings(record=True) as heard:
    warnings.simplefilter("always")
    Files(Path(sys.argv[1]), 1 << 22).write(sys.argv[2], [bytes(500_000)])
print(*(str(warning.message) for warning in heard))
"""


def test_a_disk_that_fills_in_the_middle(files: Files) -> None:
    """What was written by then is gone."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    command = [sys.executable, "-c", LIMITED, files.folder, KEY]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.startswith("compiled programs can't be kept in")
    assert "file too large" in said
    assert not list(files.folder.iterdir())


def test_folders_that_cannot_be_made(tmp_path: Path) -> None:
    """A file in the way, or a folder that can't be written: a warning, and reading finds nothing."""
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "programs", Path("/proc/none/programs")):
        files = Files(folder, LIMIT)
        with pytest.warns(CacheWarning, match="compiled programs can't be kept in"):
            files.write(KEY, [CONTENTS])
        assert files.read(KEY) is None


def use_read_only(folder: Path) -> None:
    """Writes, takes the right to write away, and goes on."""
    if os.geteuid() == 0:  # who may write anywhere
        os.chown(folder, NOBODY, NOBODY)
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    files = Files(folder, LIMIT)
    files.write(KEY, [CONTENTS])
    folder.chmod(0o500)
    with pytest.warns(CacheWarning, match="permission denied"):
        files.write(OTHER, [CONTENTS])
    assert files.read(KEY) == CONTENTS
    folder.chmod(0o700)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_folder_that_is_read_only() -> None:
    """Entries are used, none is added."""
    with tempfile.TemporaryDirectory() as folder:
        worker = multiprocessing.get_context("fork").Process(target=use_read_only, args=(Path(folder),))
        worker.start()
        worker.join()
        assert worker.exitcode == 0


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    """Together they stay within the limit; reading is using."""
    files = Files(tmp_path, 10 * 1100)
    for number in range(10):
        files.write(key(number), [bytes(1000)])
        os.utime(place(files, key(number)), (number, number))
    assert len(files.entries()) == 10
    assert files.read(key(0)) is not None
    for number in range(10, 14):
        files.write(key(number), [bytes(1000)])
        assert sum(entry.size_bytes for entry in files.entries()) <= files.limit_bytes
    left = {entry.path.stem for entry in files.entries()}
    assert left == {key(number) for number in (0, *range(5, 14))}


def test_one_program_does_not_push_out_all_others(tmp_path: Path) -> None:
    """What would take more than a quarter isn't kept."""
    files = Files(tmp_path, 4000)
    files.write(KEY, [bytes(900)])
    files.write(OTHER, [bytes(1000)])
    assert [entry.path.stem for entry in files.entries()] == [KEY]


def test_clearing(files: Files) -> None:
    """All, or what wasn't used for long; what isn't ours stays."""
    assert not files.clear()
    for number in range(4):
        files.write(key(number), [CONTENTS])
        used = time.time() - 100 * number
        os.utime(place(files, key(number)), (used, used))
    (files.folder / "README").touch()
    assert {entry.path.stem for entry in files.clear(150)} == {key(2), key(3)}
    assert len(files.clear()) == 2
    assert [path.name for path in files.folder.iterdir()] == ["README"]


def use(folder: Path, seed: int, wrong: multiprocessing.Queue[str]) -> None:
    """Writes and reads some keys again and again, as others do; contents say which key they are of."""
    files = Files(folder, 40_000)
    for turn in range(150):
        name = key((turn * seed) % 5)
        found = files.read(name)
        if found is not None and bytes(found[:64]) != name.encode():
            wrong.put(f"{name}: {bytes(found[:64])!r}")
        files.write(name, [name.encode(), bytes((seed * turn) % 9000)])
    wrong.put("")


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_many_processes_at_once(tmp_path: Path) -> None:
    """Entries are replaced and removed while others read them; each that is read is whole, nothing is left over."""
    context = multiprocessing.get_context("fork")
    wrong = context.Queue()
    workers = [context.Process(target=use, args=(tmp_path, seed, wrong)) for seed in (1, 2, 3, 4)]
    for worker in workers:
        worker.start()
    said = [wrong.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    assert said == ["", "", "", ""]
    assert [worker.exitcode for worker in workers] == [0, 0, 0, 0]
    files = Files(tmp_path, 40_000)
    assert not partials(files)
    assert 0 < sum(entry.size_bytes for entry in files.entries()) <= 40_000


def test_knobs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where it is, whether it is, and how much it holds."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("PF_CACHE")
    assert cache_files.open_files() == Files(tmp_path / "powerfusion" / "programs", 1 << 30)
    for off in ("off", "0", "No"):
        monkeypatch.setenv("PF_CACHE", off)
        assert cache_files.open_files() is None
    monkeypatch.setenv("PF_CACHE", str(tmp_path / "mine"))
    for text, size in (("500M", 500 << 20), ("2GiB", 2 << 30), ("3kb", 3 << 10), ("4096", 4096)):
        monkeypatch.setenv("PF_CACHE_LIMIT", text)
        assert cache_files.open_files() == Files(tmp_path / "mine", size)
    monkeypatch.setenv("PF_CACHE_LIMIT", "much")
    with pytest.raises(PowerFusionError, match="expected PF_CACHE_LIMIT to be a size, got 'much'"):
        knobs.program_cache_limit()
