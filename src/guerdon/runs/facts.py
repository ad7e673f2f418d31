"""What ``run.json`` says about where a run was made: versions, source revision, machine."""

import importlib.metadata
import os
import platform
import subprocess
import sys
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
)
"""Distributions whose version can change a result; those not installed are left out."""


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
    head = _git("rev-parse", "HEAD")
    return None if not head else {"hash": head, "changed": bool(_git("status", "--porcelain"))}


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=10, check=False)
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
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gib": round(pages / 2**30, 1) or None,
        "accelerators": names,
    }


__all__ = ["commit", "machine", "versions"]
