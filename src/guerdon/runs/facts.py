"""What ``run.json`` says about where a run was made: versions, source revisions, machine, environment."""

import datetime
import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

import guerdon

PACKAGES = (
    "torch",
    "numpy",
    "transformers",
    "tokenizers",
    "safetensors",
    "peft",
    "reasoning-gym",
    "gymnasium",
    "vllm",
    "scipy",
    "math-verify",
    "sympy",
    "sqlglot",
    "langdetect",
    "pyarrow",
)
"""Distributions whose version can change a result; those not installed are left out."""
ENVIRONMENT = (
    "PYTHONHASHSEED",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "CUDA_VISIBLE_DEVICES",
    "CUBLAS_WORKSPACE_CONFIG",
    "NVIDIA_TF32_OVERRIDE",
)
"""Variables that can change a result; no others are read, since they may hold secrets."""


def now() -> str:
    """UTC time to the second."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def where() -> dict[str, Any]:
    """Everything here, by the keys of ``run.json``."""
    return {
        "command": sys.argv,
        "versions": versions(),
        "commit": commit(),
        "source": source(),
        "machine": machine(),
        "environment": {name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
    }


def versions() -> dict[str, str]:
    """Package -> installed version, and Python's own."""
    found = {"python": platform.python_version(), "guerdon": guerdon.__version__}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def commit() -> dict[str, Any] | None:
    """Hash of the working folder's git commit and whether files differ from it; None outside a repository."""
    return _commit(Path.cwd())


def source() -> dict[str, Any] | None:
    """The same of guerdon's own source; None where it is installed, when its version says all."""
    home = Path(guerdon.__file__).parent
    # An environment inside of somebody's repository is no part of it.
    return _commit(home) if _git(home, "ls-files", "--error-unmatch", "__init__.py") else None


def _commit(folder: Path) -> dict[str, Any] | None:
    head = _git(folder, "rev-parse", "HEAD")
    return None if not head else {"hash": head, "changed": bool(_git(folder, "status", "--porcelain"))}


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def machine() -> dict[str, Any]:
    """System, cores, threads, memory and accelerators."""
    names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if sys.platform != "win32" else 0
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": platform.machine(),
        "model": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gib": round(pages / 2**30, 1) or None,
        "accelerators": names,
        "cuda": torch.version.cuda if names else None,
    }


def _processor() -> str | None:
    """The processor's name, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), None)


__all__ = ["commit", "machine", "now", "source", "versions", "where"]
