"""Readings of arguments that several commands share."""

from typing import Any

from guerdon.errors import GuerdonError


def positive(name: str, value: int | None) -> Any:
    """The value, or None.

    Raises:
        GuerdonError: if it is below 1.
    """
    if value is not None and value < 1:
        raise GuerdonError(f"{name} must be at least 1, got {value}")
    return value


def device_of(name: str | None) -> str:
    """The device that a flag names; a GPU if there is one where it names none.

    Raises:
        GuerdonError: if the machine has no such device.
    """
    import torch

    if name is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise GuerdonError(f"--device must be one that this machine has, got {name!r} ({reason})") from None
    return name
