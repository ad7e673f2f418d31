"""Write ``error_snapshots.json`` again: ``python tests/cli/write_snapshots.py``, then read the difference."""

import contextlib
import io
import json
import re
from pathlib import Path

from guerdon import cli

LINES = """
trian
pieces
papers list --jsn
papers check nope
papers show nope
papers proxy
recipe nope
recipe missing.json
pieces show TokenMaen
pieces list --slot advantage
train
train nope
train grpo --task nope
train grpo --task tree --steps 0
train grpo --task tree --updat.lr 3
train grpo --task tree --update.lr fast
train grpo --task tree:dept=2
train grpo --task tree --advantage.0 Standardise
train grpo --task tree --advantage.7 Standardize
train --resume nowhere
compare
compare grpo rloo --task tree
compare grpo --task tree --out nowhere
compare grpo grpo --task tree --out nowhere
compare grpo nope --task tree --out nowhere
compare grpo rloo --task tree --out nowhere --score eval
report nowhere
view nowhere
eval nowhere
eval nowhere/model
score nowhere.jsonl --reward tags
score nowhere.jsonl --reward tag
score nowhere.jsonl
""".strip().splitlines()


def stable(sentence: str) -> str:
    """The sentence without the lists that grow with the catalogue."""
    return re.sub(r"(known|nearest of \d+): .*", "known: ...", sentence.rstrip("\n"))


def main() -> None:
    sentences = {}
    for line in LINES:
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            assert cli.main(line.split()) == 2, line
        sentences[line] = stable(said.getvalue())
    Path(__file__).with_name("error_snapshots.json").write_text(json.dumps(sentences, indent=2) + "\n")


if __name__ == "__main__":
    main()
