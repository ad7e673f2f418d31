"""Words, sentences and the language of a text, by rules that fit on a page."""

import re
from functools import cache
from typing import Any

from guerdon.errors import GuerdonError

TITLES = frozenset("mr mrs ms dr prof st mt gen gov hon rev sen rep capt lt fig vs cf approx dept est nos ph.d".split())  # noqa: SIM905
"""Abbreviations that close no sentence."""
TAILS = frozenset("etc inc ltd co corp jr sr al jan feb mar apr jun jul aug sep sept oct nov dec".split())  # noqa: SIM905
"""Abbreviations that close one before a capital letter."""
ENDING = re.compile(
    r"[.!?\u2026]+[\"'\u201d\u2019)\]*_]*(?=\s|\Z)"
    r"|[\u3002\uff01\uff1f\u0964\u0965]+[\u201d\u2019\u300d\u300f\uff09]*"
)
SIGNS = ".,;:!?\"'()[]{}*_#<>`\u201c\u201d\u2018\u2019"


def words(text: str) -> list[str]:
    """Runs of letters, digits and underscores: ``don't`` is two words."""
    return re.findall(r"\w+", text)


def sentences(text: str) -> list[str]:
    """Sentences by their closing signs ``. ! ?``, dots, and those of Chinese, Japanese and Hindi; line ends close none.

    A full stop closes no sentence after a known abbreviation or initials; three dots close none before a small letter.
    What follows the last closing sign is a sentence too. The number of a list item is one, as with Punkt.
    """
    found, start = [], 0
    for ending in ENDING.finditer(text):
        before = text[max(start, ending.start() - 20) : ending.start()]
        if ending[0][0] != "." or not _goes_on(before, ending[0], text[ending.end() : ending.end() + 20].lstrip()):
            found.append(text[start : ending.end()].strip())
            start = ending.end()
    return [sentence for sentence in (*found, text[start:].strip()) if sentence]


def _goes_on(before: str, dots: str, after: str) -> bool:
    """Whether full stops do not close a sentence."""
    if dots.startswith(".."):
        return after[:1].islower()
    word = re.split(r"[\s(\[\"'\u201c\u2018]", before)[-1].lower()
    initials = re.fullmatch(r"(?:[a-z]\.)*[a-z]", word) is not None and word != "i"
    return bool(after) and (initials or word in TITLES or (word in TAILS and not after[0].isupper()))


def capital_words(text: str) -> list[str]:
    """Words whose letters are all capitals: ``I`` (of ``I'm`` too), ``WELL-KNOWN``, ``U.S.``; signs around them aside."""
    return [word for word in (part.strip(SIGNS) for part in re.split(r"[\s'\u2019]+", text)) if word.isupper()]


def language(text: str) -> str | None:
    """The ISO 639-1 code that langdetect finds, the same at every call; None if it finds none.

    Raises:
        GuerdonError: if langdetect is not installed.
    """
    factory = _languages()
    from langdetect.lang_detect_exception import LangDetectException

    detector = factory.create()
    detector.append(text)
    try:
        return detector.detect()
    except LangDetectException:
        return None


@cache
def _languages() -> Any:
    try:
        from langdetect.detector_factory import PROFILES_DIRECTORY, DetectorFactory
    except ImportError as error:
        raise GuerdonError(
            f"telling the language needs langdetect; run `pip install guerdon[text]` ({error})"
        ) from None
    factory = DetectorFactory()
    factory.load_profile(PROFILES_DIRECTORY)
    factory.seed = 0
    return factory
