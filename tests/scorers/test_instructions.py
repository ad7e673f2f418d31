import gzip
import json
import sys
from pathlib import Path

import pytest

from guerdon.errors import GuerdonError
from guerdon.scorers import _words
from guerdon.scorers._instruction_kinds import KINDS, rule
from guerdon.scorers._words import capital_words, language, sentences
from guerdon.scorers.instructions import Instructions, relaxed
from guerdon.serial import from_json, to_json
from guerdon.tasks.problem import Problem

DATA = Path(__file__).parents[3] / "shared" / "data" / "ifeval" / "prompts.jsonl.gz"

CASES = [
    ("keywords:existence", {"keywords": ["Cat", "dog"]}, "Dogs chase cats.", "Dogs chase birds."),
    ("keywords:frequency", {"keyword": "war ", "frequency": 2, "relation": "at least"}, "War, wars.", "War."),
    ("keywords:frequency", {"keyword": "war", "frequency": 2, "relation": "less than"}, "War.", "War, wars."),
    ("keywords:forbidden_words", {"forbidden_words": ["can", "a.b"]}, "A canal, acb.", "Yes, I CAN."),
    ("keywords:letter_frequency", {"letter": "E", "let_frequency": 2, "let_relation": "at least"}, "Eel", "Elm"),
    ("keywords:letter_frequency", {"letter": "e", "let_frequency": 2, "let_relation": "less than"}, "Elm", "Eel"),
    ("language:response_language", {"language": "vi"}, "Tôi rất thích đọc sách vào buổi tối.", "I like reading books."),
    ("language:response_language", {"language": "mr"}, "मला संध्याकाळी पुस्तके वाचायला खूप आवडते आणि चालायलाही आवडते.", "..."),
    (
        "length_constraints:number_sentences",
        {"num_sentences": 3, "relation": "at least"},
        "A cat. A dog! Why?",
        "A. b. C.",
    ),
    (
        "length_constraints:number_sentences",
        {"num_sentences": 2, "relation": "less than"},
        "Dr. No ran.",
        "He ran. I hid.",
    ),
    ("length_constraints:number_words", {"num_words": 3, "relation": "at least"}, "one two three", "one two-"),
    ("length_constraints:number_words", {"num_words": 3, "relation": "less than"}, "one two", "one two three"),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "a\n***\nb\n***", "a\n***\n***\nb"),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Then"},
        "First.\n\n'then, it rained.",
        "Then.\n\nFirst.",
    ),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "[a] and [b c]", "[a and\nb] or [c]"),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, "Bye.\nP. P.S. Hi", "Bye.\nP.S. Hi"),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "Bye.\nP.S. Hi", "Bye, pixs."),
    ("detectable_content:postscript", {"postscript_marker": "N.B."}, "Bye. n.b. hi", "Bye. nabb"),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "So:\n* a\n - b", "* a\n* b\n- c"),
    ("detectable_format:constrained_response", {}, "Well: My answer is no.", "No."),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, "*a* and **b c**", "*a* and ** and *\n*"),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "PART ", "num_sections": 2},
        "PART 1 a PART2 b",
        "PART a",
    ),
    ("detectable_format:json_format", {}, '```json\n{"a": 1}\n```', "{a: 1}"),
    ("detectable_format:title", {}, "So\n<<a b>>\nhi", "<< >> or <<a\nb>>"),
    ("combination:two_responses", {}, "a\n******\nb\n******", "a\n******\na"),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Say hi. "}, " say Hi. Hi!", "Hi! Say hi."),
    ("startend:end_checker", {"end_phrase": "Any questions?"}, '"Well. any questions?"', "Any questions? No."),
    ("startend:quotation", {}, ' "a" ', '"a'),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "at least"},
        "I'm A-OK!",
        "A Big.",
    ),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "less than"},
        "A Big.",
        "A BIG.",
    ),
    ("change_case:english_capital", {}, "THE DOG IS IN THE HOUSE.", "The dog is in the house."),
    ("change_case:english_lowercase", {}, "the dog is in the house.", "der hund ist in dem haus."),
    ("punctuation:no_comma", {}, "a; b", "a, b"),
]
LANGUAGE = ("language:", "change_case:english")


@pytest.mark.parametrize(("kind", "given", "satisfying", "violating"), CASES, ids=[case[0] for case in CASES])
def test_each_kind_is_judged_right(kind, given, satisfying, violating):
    if kind.startswith(LANGUAGE):
        pytest.importorskip("langdetect")
    follows = rule(kind, given)
    assert follows(satisfying) and not follows(violating)


def test_all_25_kinds_are_tried():
    assert {case[0] for case in CASES} == set(KINDS) and len(KINDS) == 25


ASKED = Problem(
    7,
    "?",
    meta={
        "instruction_id_list": ["punctuation:no_comma", "detectable_format:title", "punctuation:no_comma"],
        "kwargs": [{}, {"num_words": None}, {}],
    },
)


@pytest.mark.parametrize(
    ("response", "strict", "loose"),
    [
        ("<<A>>", (1.0, 1.0), (1.0, 1.0)),
        ("A", (0.0, 2 / 3), (0.0, 2 / 3)),
        ("Sure, here:\n<<A>>", (0.0, 1 / 3), (1.0, 1.0)),
        ("<<A>>\nHope, it helps.", (0.0, 1 / 3), (1.0, 1.0)),
        ("Sure,\n<<A>>, b\nHope, it helps.", (0.0, 1 / 3), (0.0, 1 / 3)),
        (" \n", (0.0, 0.0), (0.0, 0.0)),
    ],
)
def test_strict_and_loose(response, strict, loose):
    assert tuple(Instructions()(ASKED, response).values()) == pytest.approx(strict)
    assert tuple(Instructions(loose=True)(ASKED, response).values()) == pytest.approx(loose)


def test_loose_texts():
    assert relaxed("a\n*b*\nc") == ["a\n*b*\nc", "*b*\nc", "a\n*b*", "*b*", "a\nb\nc", "b\nc", "a\nb", "b"]


def test_each_instruction_can_be_followed_up():
    followed = Instructions().followed(ASKED, "A")
    assert followed == {
        "punctuation:no_comma#0": True,
        "detectable_format:title": False,
        "punctuation:no_comma#2": True,
    }


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("No end", 1),
        ("One. Two! Three?", 3),
        ("Mr. Smith met Dr. J. R. Jones at 3.5 p.m. on Monday.", 1),
        ('He said "Go!" Then he left.', 2),
        ("Wait... what? So... Yes.", 3),
        ("1. First thing.\n2. Second thing.", 4),
        ("The answer is no. J. K. and J.K. Rowling, e.g. both.", 2),
        ("Pens, ink, etc. are there. Pens, etc. Ink too.", 3),
        ("Title\n\nText under it.", 1),
        ("It was I. She left.", 2),
        ("\u4eca\u65e5\u306f\u3002\u660e\u65e5\u306f\uff1f", 2),
        ("Really?! Yes.", 2),
    ],
)
def test_sentences(text, count):
    assert len(sentences(text)) == count


def test_capital_words():
    assert capital_words("I saw NASA's (WELL-KNOWN) 'R2D2', 3 TIMES; U.S.A.") == [
        "I",
        "NASA",
        "WELL-KNOWN",
        "R2D2",
        "TIMES",
        "U.S.A",
    ]


def test_language_is_the_same_at_every_call_and_unknown_for_signs():
    pytest.importorskip("langdetect")
    assert {language("otec matka syn") for _ in range(5)} == {language("otec matka syn")}
    assert language("123 ...") is None
    assert not rule("language:response_language", {"language": "en"})("123 ...")


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (
            "punctuation:no_coma",
            {},
            "must be of a known kind, got 'punctuation:no_coma'; did you mean punctuation:no_comma",
        ),
        ("keywords:existence", {}, "the arguments of keywords:existence must be keywords: list, got {}"),
        ("keywords:existence", {"keywords": "a"}, "must be keywords: list, got"),
        ("punctuation:no_comma", {"number": 3}, "must be none, got"),
        (
            "length_constraints:number_words",
            {"num_words": 3, "relation": "at most"},
            "relation of length_constraints:number_words must be 'at least' or 'less than', got 'at most'",
        ),
    ],
)
def test_bad_arguments_are_refused(kind, given, message):
    with pytest.raises(GuerdonError) as refusal:
        Instructions().check(Problem(7, "?", meta={"instruction_id_list": [kind], "kwargs": [given]}))
    assert message in str(refusal.value)


def test_bad_problems_and_a_missing_package(monkeypatch):
    for meta in ({}, {"instruction_id_list": [], "kwargs": []}, {"instruction_id_list": ["a"], "kwargs": []}):
        with pytest.raises(GuerdonError, match="of one length"):
            Instructions().check(Problem(7, "?", meta=meta))
    assert from_json(to_json(Instructions(loose=True))) == Instructions(loose=True)
    _words._languages.cache_clear()
    monkeypatch.setitem(sys.modules, "langdetect.detector_factory", None)
    with pytest.raises(GuerdonError, match=r"telling the language needs langdetect; run `pip install guerdon\[text\]`"):
        language("text")


@pytest.mark.skipif(not DATA.exists(), reason="needs the IFEval data")
def test_every_released_prompt_is_constructible():
    with gzip.open(DATA, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    for row in rows:
        Instructions().check(Problem(row["key"], row["prompt"], meta=row))
    assert {kind for row in rows for kind in row["instruction_id_list"]} == set(KINDS)
