import pytest

from guerdon.programs.static import code_of, identity, refusal, renamed

FIELDS = ("x", "v")
OK = "def compute_reward(x):\n    return x\n"


@pytest.mark.parametrize(
    ("source", "stage", "word"),
    [
        ("I would reward the distance.", "parse", "Python"),
        ("x = 1\n" + OK, "parse", "functions"),
        ("def reward(x):\n    return x", "parse", "compute_reward"),
        (OK + OK, "parse", "once"),
        (OK + "#" * 8000, "parse", "8000"),
        ("def compute_reward(x):\n    return x.\n", "parse", "Python"),
        ("import os\n" + OK, "ast", "import"),
        ("def compute_reward(x):\n    from os import path\n    return x", "ast", "import"),
        ("def compute_reward(x):\n    return x.__class__", "ast", "__class__"),
        ("def compute_reward(x):\n    return (y for y in [x]).gi_frame", "ast", "gi_frame"),
        ("def compute_reward(x):\n    return x.tofile('a')", "ast", "tofile"),
        ("def compute_reward(x):\n    return eval('x')", "ast", "eval"),
        ("def compute_reward(x):\n    return getattr(x, 'shape')", "ast", "getattr"),
        ("def compute_reward(x):\n    return __builtins__", "ast", "__builtins__"),
        ("def compute_reward(x):\n    while True:\n        pass", "ast", "while"),
        ("def compute_reward(x):\n    with x:\n        pass", "ast", "with"),
        ("def compute_reward(x):\n    try:\n        return x\n    except:\n        pass", "ast", "try"),
        ("def compute_reward(x):\n    raise x", "ast", "raise"),
        ("def compute_reward(x):\n    yield x", "ast", "yield"),
        ("def compute_reward(x):\n    global y\n    return x", "ast", "global"),
        ("def compute_reward(x):\n    class A: pass\n    return x", "ast", "class"),
        ("async def compute_reward(x):\n    return x", "ast", "async"),
        ("@max\n" + OK, "ast", "decorators"),
        ("def compute_reward(x):\n    for i in range(1001):\n        x = x + i\n    return x", "ast", "1000"),
        ("def compute_reward(x):\n    return sum([i for i in range(len(x))])", "ast", "1000"),
        ("def compute_reward(x, goal):\n    return x", "signature", "goal"),
        ("def compute_reward(*x):\n    return x", "signature", "plain"),
        ("def compute_reward(**x):\n    return x", "signature", "plain"),
        ("def compute_reward(*, x):\n    return x", "signature", "plain"),
        ("def compute_reward(x, scale='a'):\n    return x", "signature", "numbers"),
    ],
)
def test_a_program_is_refused_at_the_documented_stage(source, stage, word):
    found = refusal(source, FIELDS)
    assert found is not None and found.stage == stage and word in found.message, found


@pytest.mark.parametrize(
    "source",
    [
        OK,
        "def scaled(a, by=2.0):\n    return by * a\n\ndef compute_reward(x, v, w=0.5):\n    return scaled(x) + w * v",
        "def compute_reward(x):\n    for i in range(1000):\n        x = x + i\n    return x",
        "def compute_reward(x):\n    return sum([w * x for w, k in zip((1, 2), range(2))])",
    ],
)
def test_a_program_of_plain_functions_passes(source):
    assert refusal(source, FIELDS) is None


@pytest.mark.parametrize("depth", [400, 2000, 7900])
@pytest.mark.parametrize("deep", ["-x", "x+x", "x[0]", "(x)", "not x", "lambda: x"])
def test_deep_programs_crash_nothing(deep, depth):
    before, after = deep.partition("x")[::2]
    text = (before * (depth // max(len(before), 1)) if before else "") + "x" + after * (depth // max(len(after), 1))
    for source in (
        f"def compute_reward(x):\n    return {text}\n",
        f"{text}\n{OK}",
        f"def compute_reward(x={text}): pass",
    ):
        refusal(source, FIELDS)
        identity(source)


def test_doubtful_programs_warn_nobody():
    assert refusal("def compute_reward(x):\n    'a\\d'\n    return x if 0 is 1 else x", FIELDS) is None


def test_the_code_of_a_reply_is_its_first_python_block_from_the_first_def_on():
    reply = "Text\n```text\nno\n```\n```python\nimport torch\nimport math\n\n" + OK + "```\n```python\nb\n```"
    assert code_of(reply) == OK
    assert code_of("```\ndef f():\n    pass\n```") == "def f():\n    pass\n"
    assert code_of(OK) == OK
    assert code_of("```python\ndef f():\n    pass") == "def f():\n    pass\n"
    assert code_of("only words") == "only words\n"


def test_programs_that_differ_in_layout_only_are_the_same():
    assert identity(OK) == identity("def compute_reward(x): # why\n  return (x)") != identity(OK.replace("x", "v"))
    assert identity("no python") != identity("no python either")


def test_the_forms_have_their_own_signatures():
    by_row = "def compute_dense_reward(self, action):\n    return 0.0"
    assert refusal(by_row, FIELDS, "by_row") is None
    found = refusal(by_row.replace("self, action", "x"), FIELDS, "by_row")
    assert found is not None and found.stage == "signature"
    two = "def sparse(obs, mem):\n    return obs.x\ndef dense(obs, mem):\n    return obs['v'] + mem.get('n', 0)"
    assert refusal(two, FIELDS, "sparse_dense") is None
    for odd in (two.replace("obs.x", "obs.lava"), two.replace("'v'", "'lava'"), two.replace("(obs, mem)", "(obs)", 1)):
        found = refusal(odd, FIELDS, "sparse_dense")
        assert found is not None and found.stage == "signature", odd


def test_renaming_exchanges_whole_names_and_leaves_texts_alone():
    source = "def f(self):\n    return self.cube.p + self.cubeA + 'self.cube'[0]"
    assert renamed(source, {"self.cube": "self.obj", "self.cubeA": "self.objA"}) == (
        "def f(self):\n    return self.obj.p + self.objA + 'self.cube'[0]\n"
    )
