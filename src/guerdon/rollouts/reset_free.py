"""Which task a robot works on when nobody resets it: forward, then back, and again (robofume).

Maths
    The task's number goes on to the next of ``tasks`` after ``horizon`` steps, or once success is predicted after at
    least ``minimum`` steps.
Reads
    Predicted successes, if there are any.
Deviations
    ``minimum`` keeps a classifier that calls the first state a success from switching at every step.
"""

from collections.abc import Sequence

from guerdon.errors import GuerdonError


def alternation(
    steps: int, horizon: int, success: Sequence[bool] | None = None, tasks: int = 2, minimum: int = 1
) -> list[int]:
    """The task of each of ``steps`` steps; ``success[t]``: the state after step t is judged a success of its task.

    Raises:
        GuerdonError: if a number is too small, or there is not one judgement per step.
    """
    if min(horizon, tasks, minimum) < 1 or steps < 0 or (success is not None and len(success) != steps):
        raise GuerdonError(
            "alternation needs positive horizon, tasks and minimum and one judgement per step, "
            f"got {horizon}, {tasks}, {minimum} and {len(success or ())} for {steps} steps"
        )
    numbers, task, taken = [], 0, 0
    for step in range(steps):
        numbers.append(task)
        taken += 1
        if is_over(taken, success is not None and success[step], horizon, minimum):
            task, taken = (task + 1) % tasks, 0
    return numbers


def is_over(taken: int, success: bool, horizon: int, minimum: int = 1) -> bool:
    """Whether it is the next task's turn after ``taken`` steps on this one."""
    return taken >= horizon or (success and taken >= minimum)
