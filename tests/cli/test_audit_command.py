import json

import pytest

from guerdon import cli

WORDS = ["--problems", "3"]


def run(capsys, *words):
    code = cli.main(["audit", *words])
    out = capsys.readouterr()
    return code, out.out, out.err


def test_exit_codes_and_the_table(capsys):
    code, out, _ = run(capsys, "--reward", "number", *WORDS)
    assert code == 1 and "FAILS  hedging" in out and "Verdict: fooled" in out
    code, out, _ = run(capsys, "--reward", "number:tag=answer,alone=true", *WORDS)
    assert code == 0 and "FAILS" not in out and "Verdict: nothing found." in out
    assert run(capsys, "--reward", "verifier", "--task", "modular_sum", "--allow", "0.99", *WORDS)[0] in (0, 1)


def test_json_and_the_page(capsys, tmp_path):
    code, out, _ = run(capsys, "--reward", "number", "--json", "--out", str(tmp_path / "a.html"), *WORDS)
    data = json.loads(out)
    hedging = next(finding for finding in data["findings"] if finding["attack"] == "hedging")
    assert code == 1 and data["fooled"] and hedging["rate"] == 1.0 and hedging["worst"]["score"] == 1.0
    assert "Audit of number" in (tmp_path / "a.html").read_text()


def test_samples_and_their_truth(capsys, tmp_path):
    lines = [
        {"prompt": "1 + 1", "answer": "2", "response": text, "gold": gold}
        for text, gold in [("<answer>2</answer>", 1), ("<answer>3</answer>", 0), ("2 <answer>4</answer>", 0)]
    ]
    (tmp_path / "s.jsonl").write_text("\n".join(map(json.dumps, lines)))
    words = ["--reward", "number:tag=answer,alone=true", "--samples", str(tmp_path / "s.jsonl"), "--json", *WORDS]
    for more in ([], ["--gold", "exact:tag=answer"]):
        _, out, _ = run(capsys, *words, *more)
        assert [point["truth"] for point in json.loads(out)["curve"]] == pytest.approx([1 / 3, 2 / 3, 1.0])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--reward", "verifier"], "name the task with --task"),
        (["--reward", "number", "--allow", "1"], "--allow must be a rate"),
        (["--reward", "number", "--problems", "0"], "--problems must be at least 1"),
        (["--reward", "number", "--component", "x"], "--component must be one of correct, got 'x'"),
        (["--reward", "number", "--gold", "exact"], "give both"),
        (["--reward", "number", "--task", "token_tree"], "made of problems"),
        (["--reward", "number", "--style", "x"], "a style must be one of"),
        (["--reward", "repetition"], "the reward reads action.id"),
    ],
)
def test_bad_input(capsys, words, sentence):
    code, _, error = run(capsys, *words)
    assert code == 2 and sentence in error and error.count("\n") == 1
