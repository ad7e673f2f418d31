"""Complete checkpoints: a folder of safetensors and JSON that is either whole or skipped.

Idea
    ``checkpoints/step_000120/`` holds ``tensors.safetensors`` (every tensor of ``Trainer.state_dict()`` under its
    path, ``policy/logits``), ``state.json`` (the same tree with plain values in place and tensors by name) and
    ``manifest.json`` (size and SHA-256 of both). No pickle, so loading one runs nothing.
Deviations
    Tensors that are one and the same memory (tied embeddings) are stored once and named twice.
"""

import hashlib
import json
import math
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from guerdon.errors import GuerdonError
from guerdon.runs.atomic import new_folder

FORMAT = 1
PARTS = ("tensors.safetensors", "state.json")


def step_name(step: int) -> str:
    """``step_000120``: sorts as text up to a million steps, and as a number always."""
    return f"step_{step:06d}"


def steps_in(folder: Path) -> dict[int, Path]:
    """Step -> path of the ``step_*`` folders inside ``folder``, oldest first; torn writes are not among them."""
    found = {int(path.name[5:]): path for path in folder.glob("step_*") if path.is_dir() and path.name[5:].isdigit()}
    return dict(sorted(found.items()))


def save_checkpoint(folder: Path, step: int, state: Mapping[str, Any]) -> Path:
    """Write ``state``, a tree of dicts, lists, tuples, tensors and plain values, as ``folder/step_<step>``.

    Raises:
        GuerdonError: if the tree holds anything else.
    """
    tensors: dict[str, Tensor] = {}
    tree = _flatten(state, "", tensors, {})
    path = folder / step_name(step)
    with new_folder(path) as temporary:
        save_file(tensors, temporary / "tensors.safetensors")
        (temporary / "state.json").write_text(json.dumps(tree, allow_nan=False), encoding="utf-8")
        parts = {name: _fingerprint(temporary / name) for name in PARTS}
        manifest = {"format": FORMAT, "step": step, "files": parts}
        (temporary / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return path


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read what ``save_checkpoint`` wrote, on the CPU.

    Raises:
        GuerdonError: naming what is missing, torn or changed.
    """
    try:
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        if manifest["format"] != FORMAT:
            raise GuerdonError(f"{path} must be a checkpoint of format {FORMAT}, got {manifest['format']}")
        for name in PARTS:
            if _fingerprint(path / name) != manifest["files"][name]:
                raise GuerdonError(f"{path / name} must be what its manifest says, but it was changed or cut short")
        tree = json.loads((path / "state.json").read_text(encoding="utf-8"))
        return _restore(tree, load_file(path / "tensors.safetensors"))
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        if isinstance(error, GuerdonError):
            raise
        raise GuerdonError(
            f"{path} must be a complete checkpoint, but reading it failed: {type(error).__name__}: {error}"
        ) from None


def latest(folder: Path) -> tuple[int, dict[str, Any]] | None:
    """Step and state of the newest checkpoint that reads well; None if there is none. Bad ones are warned about."""
    for step, path in reversed(steps_in(folder).items()):
        try:
            return step, load_checkpoint(path)
        except GuerdonError as error:
            warnings.warn(f"checkpoint skipped: {error}", stacklevel=2)
    return None


def prune(folder: Path, keep: int) -> None:
    """Remove all but the newest ``keep`` checkpoints and the one of step 0 (the weights a run began from)."""
    steps = [step for step in steps_in(folder) if step > 0]
    for step in steps[: max(len(steps) - keep, 0)]:
        shutil.rmtree(folder / step_name(step))


def _fingerprint(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": _sha256(file)}


def _sha256(file: Any) -> str:
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def _flatten(value: Any, name: str, tensors: dict[str, Tensor], seen: dict[Any, str]) -> Any:
    """JSON for a tree. Marked objects stand for what JSON lacks: ``$tensor``, ``$tuple``, ``$items``, ``$float``."""
    if isinstance(value, Tensor):
        return {"$tensor": _store(value.detach(), name or "value", tensors, seen)}
    if isinstance(value, Mapping):
        items = [
            (key, _flatten(item, f"{name}/{key}" if name else str(key), tensors, seen)) for key, item in value.items()
        ]
        if all(isinstance(key, str) and not key.startswith("$") for key in value):
            return dict(items)
        return {"$items": [[_flatten(key, name, tensors, seen), item] for key, item in items]}
    if isinstance(value, (list, tuple)):
        items = [_flatten(item, f"{name}/{number}", tensors, seen) for number, item in enumerate(value)]
        return items if isinstance(value, list) else {"$tuple": items}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": repr(value)}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise GuerdonError(
        f"a checkpoint may hold tensors, dicts, lists, tuples and plain values, got {type(value).__name__} at {name!r}"
    )


def _store(tensor: Tensor, name: str, tensors: dict[str, Tensor], seen: dict[Any, str]) -> str:
    """Add a tensor under ``name``, unless the same memory is there already; the name it is found under."""
    memory = (tensor.untyped_storage().data_ptr(), tensor.device)
    key = (*memory, tensor.storage_offset(), tensor.dtype, tensor.shape, tensor.stride())
    if tensor.numel() and key in seen:
        return seen[key]
    while name in tensors:
        name += "'"
    # safetensors refuses tensors that overlap in memory, and would write the whole memory behind a view.
    whole = tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()
    alone = whole and tensor.is_contiguous() and memory not in seen
    tensors[name] = tensor.cpu() if alone else tensor.to("cpu", copy=True).contiguous()
    seen[key] = seen[memory] = name
    return name


def _restore(tree: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(tree, list):
        return [_restore(item, tensors) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if "$tensor" in tree:
        return tensors[tree["$tensor"]]
    if "$tuple" in tree:
        return tuple(_restore(item, tensors) for item in tree["$tuple"])
    if "$items" in tree:
        return {_restore(key, tensors): _restore(item, tensors) for key, item in tree["$items"]}
    if "$float" in tree:
        return float(tree["$float"])
    return {key: _restore(item, tensors) for key, item in tree.items()}


__all__ = ["latest", "load_checkpoint", "prune", "save_checkpoint", "step_name", "steps_in"]
