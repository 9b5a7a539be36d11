"""The distribution's packages, and LLVM's version."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence

from _bootstrap.console import BootstrapError, NoNetworkError, Stage, clean_environment
from _bootstrap.settings import LLVM_MAJOR, LLVM_MINOR, Settings

LLVM_PACKAGES = (
    f"libmlir-{LLVM_MAJOR}-dev",
    f"mlir-{LLVM_MAJOR}-tools",
    f"llvm-{LLVM_MAJOR}-dev",
    f"clang-{LLVM_MAJOR}",
    f"lld-{LLVM_MAJOR}",
    f"libomp-{LLVM_MAJOR}-dev",
)
# LLVM's CMake package looks for these libraries, whether a project uses them or not.
LIBRARY_PACKAGES = ("libzstd-dev", "zlib1g-dev", "libxml2-dev", "libcurl4-openssl-dev", "libedit-dev")
TOOL_PACKAGES = ("cmake", "ninja-build", "python3-dev", "python3-venv", "xz-utils")


def packages(settings: Settings) -> tuple[str, ...]:
    """The packages that must be installed; a chosen LLVM prefix stands for LLVM's own."""
    llvm = LLVM_PACKAGES if settings.default_llvm else ()
    return (*llvm, *LIBRARY_PACKAGES, *TOOL_PACKAGES)


def missing_packages(wanted: Sequence[str]) -> list[str]:
    """Ask dpkg which of the packages are not installed.

    Raises:
        BootstrapError: this is no Debian.
    """
    if shutil.which("dpkg-query") is None:
        raise BootstrapError("dpkg-query is not there: this needs Debian 12 or later, or a system derived from it")
    command = ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\\n", *wanted]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environment())
    states = (line.split() for line in answer.stdout.splitlines())
    installed = {words[0] for words in states if words[1:] == ["installed"]}
    return [name for name in wanted if name not in installed]


def llvm_version(settings: Settings) -> str:
    """The version of LLVM under the prefix, empty where there is none."""
    program = settings.llvm_prefix / "bin" / "llvm-config"
    if not program.exists():
        return ""
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BootstrapError(f"cannot run {program}: {error}") from error
    return answer.stdout.strip()


def check_llvm(settings: Settings) -> str:
    """Refuse every LLVM but 22.1.

    Raises:
        BootstrapError: none, or one of another minor version.
    """
    version = llvm_version(settings)
    if not version:
        raise BootstrapError(
            f"no LLVM under {settings.llvm_prefix}: install LLVM {LLVM_MINOR} there or name its place in PF_LLVM_PREFIX"
        )
    if not re.fullmatch(re.escape(LLVM_MINOR) + r"(\.\d+.*)?", version):
        raise BootstrapError(
            f"LLVM {version} is under {settings.llvm_prefix}, and {LLVM_MINOR} is needed: install that "
            "or name its place in PF_LLVM_PREFIX"
        )
    return version


def install(settings: Settings, stage: Stage) -> None:
    """Install what is missing, as root or through a sudo that asks nothing."""
    if llvm_version(settings):
        check_llvm(settings)
    missing = missing_packages(packages(settings))
    if missing:
        _install(settings, stage, missing)
    stage.outcome = f"{stage.outcome}, LLVM {check_llvm(settings)}"


def _install(settings: Settings, stage: Stage, missing: Sequence[str]) -> None:
    by_hand = f"sudo apt-get install --no-install-recommends {' '.join(missing)}"
    if settings.offline:
        raise BootstrapError(f"packages are missing and --offline forbids fetching them; run: {by_hand}")
    root = _root_prefix()
    if root is None:
        raise BootstrapError(f"packages are missing and this is not root; run: {by_hand}")
    stage.step(f"installing {len(missing)} package{'s' * (len(missing) > 1)} ({' '.join(missing)})")
    apt = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8", "apt-get", "-y", "-q"]
    patience = ("-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=2")
    # An unreachable third-party entry fails the update as a whole; the installation is the judge.
    _, updated = stage.run([*apt, *patience, "update"], "reading the distribution's package lists", check=False)
    doing = "installing the distribution's packages"
    status, output = stage.run([*apt, *patience, "install", "--no-install-recommends", *missing], doing, check=False)
    if status == 0:
        return
    failure = stage.console.failure(f"{doing} failed: apt-get exited with {status}", doing, output)
    unknown = re.findall(r"E: (?:Unable to locate package|Package ')\s*([\w.+-]+)", output)
    if unknown and failure.tail:
        # Without a network there are no lists, and then every package is unknown.
        reason = stage.console.failure("", doing, updated)
        if not isinstance(reason, NoNetworkError):
            raise BootstrapError(
                f"this distribution offers no {' '.join(unknown)}: Debian 12 or later with LLVM {LLVM_MAJOR} is needed",
                log=failure.log,
            )
        failure = reason
    raise failure


def _root_prefix() -> list[str] | None:
    """The words before a command that make it run as root, None where that can't be had without asking."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo is None:
        return None
    allowed = subprocess.run([sudo, "-n", "true"], capture_output=True, check=False, stdin=subprocess.DEVNULL)
    return [sudo, "-n"] if allowed.returncode == 0 else None
