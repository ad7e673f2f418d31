"""The command line's contract: exit codes, one sentence per mistake, a fast help, no traceback."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli.write_snapshots import stable

from guerdon import cli
from guerdon.commands import _show

SNAPSHOTS = Path(__file__).with_name("error_snapshots.json")
ERRORS = json.loads(SNAPSHOTS.read_text())
REAL = ("trian", "papers list --jsn", "pieces show TokenMaen")
"""The commands run as real processes; the others run in this one, because importing torch takes seconds."""


def real(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "guerdon", *words], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("line", ERRORS)
def test_every_mistake_gets_its_sentence_and_exit_code_2(line, capsys):
    if line in REAL:
        done = real(*line.split())
        code, out, sentence = done.returncode, done.stdout, done.stderr
    else:
        code = cli.main(line.split())
        out, sentence = capsys.readouterr()
    assert (code, stable(sentence), out) == (2, ERRORS[line], "")
    assert sentence.count("\n") == 1


def test_the_real_commands_are_in_the_snapshot():
    assert set(REAL) <= set(ERRORS)


def test_help_is_fast_and_imports_no_torch():
    code = "import sys, guerdon.cli; guerdon.cli.main(sys.argv[1:]); print('torch' in sys.modules, file=sys.stderr)"
    for words in (["--help"], ["papers", "list"], ["papers", "list", "--json"]):
        started = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=60)
        assert done.stderr == "False\n"
        assert time.perf_counter() - started < 5, "0.1 s on an idle machine"


def test_the_help_names_every_command_and_every_command_has_a_module():
    folder = Path(cli.__file__).parent / "commands"
    modules = {path.stem.replace("_", "-") for path in folder.glob("*.py") if not path.stem.startswith("_")}
    assert modules == set(cli.COMMANDS)
    for name, what in cli.COMMANDS.items():
        assert f"  {name} " in cli.help_text() and what in cli.help_text()


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_explains_itself(name, capsys):
    try:
        code = cli.main([name, "--help"])
    except SystemExit as stop:
        code = stop.code
    assert code == 0
    assert capsys.readouterr().out.startswith(f"usage: guerdon {name}")


def test_pieces_and_tasks_as_json(capsys):
    assert cli.main(["pieces", "list", "--slot", "objectives", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    mean = next(piece for piece in found if piece["name"] == "SumOverLength")
    assert {piece["slot"] for piece in found} == {"objectives"}
    assert mean["fields"]["length"]["default"] == "required" and mean["fields"]["length"]["type"] == "int"
    assert cli.main(["tasks", "list", "--json"]) == 0
    tasks = json.loads(capsys.readouterr().out)
    assert {"token_tree", "chain_sum"} <= {task["spec"] for task in tasks}
    assert cli.main(["tasks", "list"]) == 0
    assert "data sets of reasoning-gym by their names: ab, " in capsys.readouterr().out


def test_numbers_that_json_lacks_become_text():
    assert _show.plain({"a": [float("nan"), 1.5], "b": float("-inf")}) == {"a": ["nan", 1.5], "b": "-inf"}


def test_what_nobody_foresaw_is_one_sentence_too(monkeypatch, capsys):
    def broken(*words: object) -> None:
        raise AttributeError("no such thing")

    monkeypatch.setattr("guerdon.catalogue.paper_ids", broken)
    monkeypatch.setattr("guerdon.commands.papers.paper_ids", broken)
    assert cli.main(["papers", "list"]) == 2
    said = capsys.readouterr().err
    assert (
        said.startswith("guerdon: something did not fit, AttributeError at test_cli.py, line") and said.count("\n") == 1
    )
    monkeypatch.setenv("GUERDON_TRACEBACK", "1")
    with pytest.raises(AttributeError):
        cli.main(["papers", "list"])


def test_a_reader_that_goes_away_is_no_error():
    line = f"{sys.executable} -m guerdon papers --help | head -c 1"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {line}"], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
