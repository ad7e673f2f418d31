"""Every piece under its class name: ``from guerdon import pieces``, then ``pieces.Standardize(eps=1e-4)``.

A door for scripts and notebooks. Names are looked up in the sources of the slot folders, so that only the file of the
piece that is used is imported, and nothing has to be listed.
"""

import importlib
import re
from functools import cache
from pathlib import Path
from typing import Any

from guerdon.catalogue import SLOTS
from guerdon.serial import suggest


@cache
def homes() -> dict[str, str]:
    """Class name -> module, of the public classes in the slot folders."""
    root = Path(__file__).parent
    found = {}
    for path in sorted(path for slot in SLOTS for path in (root / slot).rglob("*.py")):
        module = ".".join(("guerdon", *path.relative_to(root).with_suffix("").parts))
        for name in re.findall(r"^class ([A-Z]\w*)", path.read_text(encoding="utf-8"), re.MULTILINE):
            found[name] = module
    return found


def __getattr__(name: str) -> Any:
    """The piece of this name, imported when it is first asked for."""
    from guerdon.base import Piece

    if name in homes():
        found = getattr(importlib.import_module(homes()[name]), name)
        if isinstance(found, type) and issubclass(found, Piece):
            return found
    raise AttributeError(f"guerdon.pieces has no piece {name!r}{suggest(name, homes())}")


def __dir__() -> list[str]:
    return sorted(homes())
