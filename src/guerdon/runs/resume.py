"""Go on with a run from its folder alone."""

from collections.abc import Sequence
from pathlib import Path

from guerdon.loop import Observer, Result, train
from guerdon.rng import Stream
from guerdon.runs.folder import RunFolder, origin_from_json
from guerdon.runs.reading import read_facts
from guerdon.serial import from_json


def resume(
    out: str | Path | RunFolder,
    *,
    steps: int | None = None,
    device: str | None = None,
    observers: Sequence[Observer] = (),
) -> Result:
    """Rebuild the run in ``out`` from its ``run.json`` and newest complete checkpoint, and train on to its end.

    On a CPU with the same number of threads the result is bit for bit that of a run that was never stopped.

    Args:
        out: the run folder; a ``RunFolder`` sets how often to save.
        steps: train up to this step instead; schedules that depend on the length of the run see the new one.
        device: another device than before.
        observers: as in ``train``.

    Raises:
        GuerdonError: if the folder holds no run, or one whose pieces are not in the catalogue (then call ``train``
            with the recipe and ``resume=True``).
    """
    folder = out if isinstance(out, RunFolder) else RunFolder(out)
    facts = read_facts(folder.folder)
    recipe, seed = from_json(facts["recipe"]), facts["seed"]
    built = None
    if facts["origin"] is not None:
        built = origin_from_json(facts["origin"]).build(Stream((seed,)).child("policy"))
    return train(
        recipe,
        steps=facts["steps"] if steps is None else steps,
        seed=seed,
        policy=built,
        device=facts["device"] if device is None else device,
        observers=observers,
        out=folder,
        resume=True,
    )


__all__ = ["resume"]
