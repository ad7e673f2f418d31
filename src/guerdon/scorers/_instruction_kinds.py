"""The 25 kinds of checkable instruction of IFEval, each a rule ``(text, arguments) -> followed?``.

``KINDS`` maps a kind's name to its function; the names of its parameters are those of the data set.
"""

import inspect
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from guerdon.errors import GuerdonError
from guerdon.scorers._words import capital_words, language, sentences, words
from guerdon.serial import fits, suggest

Rule = Callable[..., bool]
KINDS: dict[str, Rule] = {}
RELATIONS = ("at least", "less than")
OPTIONS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")


def rule(kind: str, given: Mapping[str, Any]) -> Callable[[str], bool]:
    """The rule of a kind with its arguments; arguments that are None were not given.

    Raises:
        GuerdonError: if there is no such kind or its arguments are not as they must be.
    """
    if kind not in KINDS:
        raise GuerdonError(f"an instruction must be of a known kind, got {kind!r}{suggest(kind, KINDS)}")
    arguments = {name: value for name, value in given.items() if value is not None}
    wanted = inspect.get_annotations(KINDS[kind])
    wanted = {name: hint for name, hint in wanted.items() if name not in ("text", "return")}
    if arguments.keys() != wanted.keys() or not all(fits(arguments[name], hint) for name, hint in wanted.items()):
        needed = ", ".join(f"{name}: {getattr(hint, '__name__', hint)}" for name, hint in wanted.items()) or "none"
        raise GuerdonError(f"the arguments of {kind} must be {needed}, got {arguments}")
    for name, value in arguments.items():
        if name.endswith("relation") and value not in RELATIONS:
            raise GuerdonError(f"{name} of {kind} must be {' or '.join(map(repr, RELATIONS))}, got {value!r}")
    return lambda text: KINDS[kind](text, **arguments)


def _kind(name: str) -> Callable[[Rule], Rule]:
    def keep(function: Rule) -> Rule:
        KINDS[name] = function
        return function

    return keep


def _compare(count: int, relation: str, number: int) -> bool:
    return count < number if relation == "less than" else count >= number


@_kind("keywords:existence")
def _existence(text: str, keywords: list) -> bool:
    return all(keyword.lower() in text.lower() for keyword in keywords)


@_kind("keywords:frequency")
def _frequency(text: str, keyword: str, frequency: int, relation: str) -> bool:
    return _compare(text.lower().count(keyword.strip().lower()), relation, frequency)


@_kind("keywords:forbidden_words")
def _forbidden(text: str, forbidden_words: list) -> bool:
    return not any(re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE) for word in forbidden_words)


@_kind("keywords:letter_frequency")
def _letters(text: str, letter: str, let_frequency: int, let_relation: str) -> bool:
    return _compare(text.lower().count(letter.lower()), let_relation, let_frequency)


@_kind("language:response_language")
def _language(text: str, language: str) -> bool:
    return _is_in(text, language)


def _is_in(text: str, code: str) -> bool:
    return language(text) == code


@_kind("length_constraints:number_sentences")
def _number_sentences(text: str, num_sentences: int, relation: str) -> bool:
    return _compare(len(sentences(text)), relation, num_sentences)


@_kind("length_constraints:number_words")
def _number_words(text: str, num_words: int, relation: str) -> bool:
    return _compare(len(words(text)), relation, num_words)


@_kind("length_constraints:number_paragraphs")
def _number_paragraphs(text: str, num_paragraphs: int) -> bool:
    """Parts between lines of three stars; only the first and the last may be empty, and then do not count."""
    parts = [part.strip() for part in text.split("***")]
    return all(parts[1:-1]) and sum(map(bool, parts)) == num_paragraphs


@_kind("length_constraints:nth_paragraph_first_word")
def _first_word(text: str, num_paragraphs: int, nth_paragraph: int, first_word: str) -> bool:
    """Paragraphs between empty lines; the word counts up to its first sign, without quotes before it."""
    parts = [part.strip() for part in text.split("\n\n")]
    filled = sum(map(bool, parts))
    if not 1 <= nth_paragraph <= filled or not parts[nth_paragraph - 1]:
        return False
    word = re.split(r"[.,?!'\"]", parts[nth_paragraph - 1].split()[0].lstrip("'").lstrip('"'))[0]
    return filled == num_paragraphs and word.lower() == first_word.lower()


@_kind("detectable_content:number_placeholders")
def _placeholders(text: str, num_placeholders: int) -> bool:
    # Every closing bracket with an opening one before it on its line, counted without backtracking.
    return sum("[" in part.rpartition("\n")[2] for part in text.split("]")[:-1]) >= num_placeholders


@_kind("detectable_content:postscript")
def _postscript(text: str, postscript_marker: str) -> bool:
    patterns = {"P.P.S": r"p\.\s?p\.\s?s", "P.S.": r"p\.\s?s\."}
    marker = postscript_marker.strip()
    return re.search(patterns.get(marker, re.escape(marker.lower())), text.lower()) is not None


@_kind("detectable_format:number_bullet_lists")
def _bullets(text: str, num_bullets: int) -> bool:
    return len(re.findall(r"^[^\S\n]*(?:\*[^*]|-)", text, re.MULTILINE)) == num_bullets


@_kind("detectable_format:constrained_response")
def _constrained(text: str) -> bool:
    return any(option in text for option in OPTIONS)


@_kind("detectable_format:number_highlighted_sections")
def _highlights(text: str, num_highlights: int) -> bool:
    single = [found for found in re.findall(r"\*[^\n*]*\*", text) if found.strip("*").strip()]
    double = [found for found in re.findall(r"\*\*[^\n*]*\*\*", text) if found.strip("*").strip()]
    return len(single) + len(double) >= num_highlights


@_kind("detectable_format:multiple_sections")
def _sections(text: str, section_spliter: str, num_sections: int) -> bool:
    return len(re.findall(rf"{re.escape(section_spliter.strip())}\s?\d+", text)) >= num_sections


@_kind("detectable_format:json_format")
def _json(text: str) -> bool:
    inside = re.sub(r"\A```(?:json|Json|JSON)?|```\Z", "", text.strip()).strip()
    try:
        json.loads(inside)
    except (ValueError, RecursionError):
        return False
    return True


@_kind("detectable_format:title")
def _title(text: str) -> bool:
    spans = ((line.find("<<"), line.rfind(">>"), line) for line in text.split("\n"))
    return any(0 <= start < end and line[start:end].strip("<>").strip() for start, end, line in spans)


@_kind("combination:two_responses")
def _two_responses(text: str) -> bool:
    parts = [part.strip() for part in text.split("******")]
    filled = [part for part in parts if part]
    return all(parts[1:-1]) and len(filled) == 2 and filled[0] != filled[1]


@_kind("combination:repeat_prompt")
def _repeat_prompt(text: str, prompt_to_repeat: str) -> bool:
    return text.strip().lower().startswith(prompt_to_repeat.strip().lower())


@_kind("startend:end_checker")
def _end(text: str, end_phrase: str) -> bool:
    return text.strip().strip('"').lower().endswith(end_phrase.strip().lower())


@_kind("startend:quotation")
def _quotation(text: str) -> bool:
    inside = text.strip()
    return len(inside) > 1 and inside[0] == inside[-1] == '"'


@_kind("change_case:capital_word_frequency")
def _capital_words(text: str, capital_frequency: int, capital_relation: str) -> bool:
    return _compare(len(capital_words(text)), capital_relation, capital_frequency)


@_kind("change_case:english_capital")
def _english_capital(text: str) -> bool:
    return text.isupper() and _is_in(text, "en")


@_kind("change_case:english_lowercase")
def _english_lowercase(text: str) -> bool:
    return text.islower() and _is_in(text, "en")


@_kind("punctuation:no_comma")
def _no_comma(text: str) -> bool:
    return "," not in text
