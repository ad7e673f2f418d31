"""Reward functions that behave and that do not."""

import time


def length(*, response):
    return len(response)


def moody(*, response):
    if response == "hang":
        time.sleep(60)
    if response == "raise":
        raise RuntimeError("no")
    return None if response == "nothing" else float(len(response))


def for_trl(completions, bonus, **kwargs):
    if "hang" in completions:
        time.sleep(60)
    return [len(completion) + extra for completion, extra in zip(completions, bonus, strict=True)]
