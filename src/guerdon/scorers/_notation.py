r"""How answers are written: the same answer in many notations, brought to one that math-verify reads.

It reads LaTeX, and takes the letters of anything else for variables: ``18 dollars`` for a product of seven, ``pi/3``
for ``i p / 3``, ``Evelyn`` and ``Evenly`` for equal products. What is listed here is what it gets wrong on real data.
"""

import re
import unicodedata
from fractions import Fraction
from functools import lru_cache
from typing import Any

LONGEST = 1000
"""Characters of an answer that is read as mathematics; longer ones are compared as texts."""
_SIGNS = str.maketrans({
    "\N{MINUS SIGN}": "-", "\N{EN DASH}": "-", "\N{MULTIPLICATION SIGN}": r"\times ", "\N{MIDDLE DOT}": r"\cdot ",
    "\N{DIVISION SIGN}": "/", "\N{FRACTION SLASH}": "/", "\N{GREEK SMALL LETTER PI}": r"\pi ",
    "\N{DEGREE SIGN}": r"^\circ ", "\N{INFINITY}": r"\infty ", "\N{LESS-THAN OR EQUAL TO}": r"\le ",
    "\N{GREATER-THAN OR EQUAL TO}": r"\ge ", "\N{UNION}": r"\cup ", "\N{SQUARE ROOT}": r"\sqrt ",
    "\N{ELEMENT OF}": r"\in ", "\N{PLUS-MINUS SIGN}": r"\pm ",
    "\N{ZERO WIDTH SPACE}": "", "\N{ZERO WIDTH NON-JOINER}": "", "\N{ZERO WIDTH JOINER}": "", "\N{WORD JOINER}": "",
    "\N{ZERO WIDTH NO-BREAK SPACE}": "", "\N{SOFT HYPHEN}": "",
})  # fmt: skip
_SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_TO_LATEX: tuple[tuple[re.Pattern[str], Any], ...] = tuple(
    (re.compile(pattern), by)
    for pattern, by in (
        (r"\\!\s*", ""),
        (r"(?<!\\)\\(?:[,;:> ]|q?quad\b|displaystyle\b|left\b|right\b|[bB]ig+[lr]?\b)|(?<!\\)~", " "),
        (r"\\[dtc]frac\b", r"\\frac"),
        (r"\\(?:mathrm|mathbf|mathit|textbf|textit|textrm|textnormal|mbox|operatorname)\s*\{", r"\\text{"),
        (r"\{,\}", ","),
        (r"\\?\$|[€£¥₹]|\b(?:USD|Rs\.?)\s*(?=\d)", ""),
        (r"\*\*(?=\s*[\d({])", "^"),
        (r"(?<![A-Za-z\\])(pi|infinity|infty)(?![A-Za-z])", r"\\\1 "),
        (r"\\infinity", r"\\infty"),
        (r"(?<=\d)\.(?=\s*(?:[/,)\]}+*^-]|$))", ""),
        (r"^([-+]?\d+(?:\.\d+)?)\s*[eE]\s*([-+]?\d+)$", r"\1 \\times 10^{\2}"),
        (r"(?<![\d./])(\d+)\s+(\d+)\s?/\s?(\d+)(?![\d./])", r"\1\\frac{\2}{\3}"),
        (r"^([a-zA-Z])\s*\\in\b", ""),
        (r"^(\d+)\s?\((\d+)\)$", r"\1 \\cdot \2"),
        (r"\\frac\s+(\d)\s+(\d)", r"\\frac{\1}{\2}"),
        (r"(?<![\d.])(\d{1,3})((?:\s\d{3})+)(?!\s*\d)", lambda found: found[0].replace(" ", "")),
        (r"^\\text\s*\{\s*([-+]?\d[^{}]*)\}$", r"\1"),
        (r"\s+", " "),
    )
)
_UNIT = re.compile(
    r"^(?P<amount>.*\S)\s*\\text\s*\{(?!\s*\})(?P<unit>[^{}]*)\}(?:\s*\^\s*\{?\s*\d\s*\}?)?$"
    r"|^(?P<number>.*[\d}])\s+(?P<words>[a-zA-Z][a-zA-Z.]{2,}[a-zA-Z .-]*)$"
    r"|^(?P<figures>[-+]?[\d.,]*\d)\s?(?:[cmk]m|k?m/[hs]|m[lLg]|kg|mph|ft|in|lbs?|oz|min|sec|hrs?)(?:\s?\^\s?\{?\d\}?)?$"
)
_NO_UNIT = re.compile(
    r"\d|\\|\b(?:or|and|not|if|percent|pct|percentage|dozens?|hundreds?|thousands?|[mbtr]+illions?|squared|cubed|half|halves)\b",
    re.IGNORECASE,
)
"""What no unit holds: it would hide a second answer or change the first."""
_SCALE = re.compile(rf"^([-+]?[\d,.]*\d)\s*(?:\\text\s*\{{)?\s*({'|'.join(_SCALES)})\b")
_TEXT = re.compile(r"\\text\s*\{\s*([^{}]*?)\s*\}")
_WORDS = re.compile(r"[^\W\d_]+(?:[ '-]+[^\W\d_]+)*")
_FIGURES = re.compile(r"([-+]?)\s*((?:\d{1,3}(?:,\d{3})+|\d+)?)(\.\d+)?")
_RATIO = re.compile(
    r"([-+]?)\s*(?:\\frac\s*\{\s*(-?\d+)\s*\}\s*\{\s*(\d+)\s*\}|\\frac\s*(\d)\s*(\d)|(\d+)\s*/\s*(\d+))"
)
_POWER = re.compile(r"([-+]?)\s*(?:(\d+)(\.\d+)?\s*(?:\\times|\\cdot|\*)\s*)?10\s*\^\s*\{?\s*([-+]?\d{1,3})\s*\}?")
_APART = re.compile(r"\d\s*(?:\s|\{\s*)\d")
"""Two numbers side by side, which math-verify adds up as the parts of a mixed number: ``5 6`` would be 11."""
_BASE = re.compile(r"([0-9A-Z]+)_(?:\{\s*)?(?:\\text\s*\{)?(\d+|[a-z]+)\}*")


@lru_cache(maxsize=4096)
def latex(answer: str) -> str:
    """An answer as LaTeX without dressing: currency, spaces, a unit in words, a full stop, unicode signs."""
    if len(answer) > LONGEST:
        return answer.strip()
    text = unicodedata.normalize("NFKC", answer.translate(_SIGNS)).translate(_SIGNS).strip().strip("*`").strip()
    text = text.rstrip(".;,: ") if not text.endswith(("\\,", "\\;", "\\:")) else text
    for pattern, by in _TO_LATEX:
        text = pattern.sub(by, text)
    text = text.strip()
    if scale := _SCALE.match(text):
        return f"{scale[1]} \\times 10^{{{_SCALES[scale[2]]}}}"
    return _without_unit(_without_unit(text))


def _without_unit(text: str) -> str:
    unit = _UNIT.match(text)
    if unit is None or _NO_UNIT.search(unit["unit"] or unit["words"] or ""):
        return text
    return (unit["amount"] or unit["number"] or unit["figures"]).strip()


def spoken(text: str) -> str:
    r"""``(A)``, ``\text{A}`` and ``A`` as ``a``: an answer in words, as it is said."""
    bare = _TEXT.sub(r"\1", text).strip()
    bare = bare[1:-1].strip() if re.fullmatch(r"\(\w+\)", bare) else bare
    return re.sub(r"\s+", " ", bare).casefold()


def in_words(text: str) -> bool:
    r"""Whether an answer is words, ``\text{Evelyn}`` or ``Evelyn``. Up to three bare letters may be variables."""
    bare = spoken(text)
    return _WORDS.fullmatch(bare) is not None and ("\\text" in text or len(bare) > 3)


def number(text: str) -> tuple[Fraction, bool] | None:
    """The value of a number, a fraction or a power of ten, and whether it is written exactly, without decimals."""
    if (figures := _FIGURES.fullmatch(text)) and (figures[2] or figures[3]):
        value = Fraction(f"{figures[2].replace(',', '') or 0}{figures[3] or ''}")
        return (-value if figures[1] == "-" else value), not figures[3]
    if ratio := _RATIO.fullmatch(text):
        top, bottom = (int(part) for part in ratio.groups()[1:] if part is not None)
        if bottom:
            value = Fraction(top, bottom)
            return (-value if ratio[1] == "-" else value), True
    if power := _POWER.fullmatch(text):
        value = Fraction(f"{power[2] or 1}{power[3] or ''}") * Fraction(10) ** int(power[4])
        return (-value if power[1] == "-" else value), False
    return None


def in_base(text: str) -> tuple[str, str] | None:
    """Digits and base of ``2E7_{16}``; None for anything else."""
    found = _BASE.fullmatch(text.replace(" ", ""))
    return (found[1], found[2]) if found else None


def _mark(text: str) -> str:
    return "percent" if text.endswith("%") else "degrees" if re.search(r"\^\s*\{?\s*\\circ\s*\}?$", text) else ""


def compact(text: str) -> str:
    """What is left to tell two answers apart as texts."""
    text = " ".join(_TEXT.sub(r" \1 ", text).split())
    return re.sub(r"(?<!\d) | (?!\d)", "", text)


@lru_cache(maxsize=4096)
def verdict_without_mathematics(wanted: str, got: str) -> bool | None:
    """Whether two answers in the notation of ``latex`` are equal, where that is plain; None where it takes thought."""
    if compact(wanted) == compact(got):
        return bool(got)
    if max(len(wanted), len(got)) > LONGEST or not got:
        return False
    if _APART.search(wanted) or _APART.search(got):
        return False
    if {_mark(wanted), _mark(got)} == {"percent", "degrees"}:
        return False
    if in_words(wanted) or in_words(got):
        return spoken(wanted) == spoken(got)
    bases = in_base(wanted), in_base(got)
    if bases[0] and bases[1]:
        return bases[0] == bases[1]
    if bases[0] or bases[1]:
        digits = [base[0] if base else compact(text) for base, text in zip(bases, (wanted, got), strict=True)]
        return digits[0] == digits[1]
    want_number, got_number = number(wanted), number(got)
    if want_number is None or got_number is None:
        return None
    (want, exact), (value, also) = want_number, got_number
    if want == value or (exact and also):
        return want == value
    return False if abs(want - value) > min(Fraction(1, 10**5), abs(want) / 1000) else None
