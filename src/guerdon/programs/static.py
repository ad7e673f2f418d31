"""What can be said of a reward program without running it: its code in a reply, its form, its arguments.

Idea
    A program is refused at the first *stage* at which something is wrong, with a message that a language model can act
    on. ``parse``: it is no Python of top-level functions with the entry point. ``ast``: it uses what programs may not.
    ``signature``: it asks for inputs that there are not.
Reads
    A reply of a language model.
Deviations
    This stops accidents and cheap tricks. It is no security boundary: what holds a program is the sandbox.
"""

import ast
import hashlib
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LONGEST = 8000
"""Characters of a program."""
LONGEST_LOOP = 1000
BANNED_NAMES = frozenset(
    str.split("""eval exec open compile __import__ globals locals vars getattr setattr delattr input breakpoint""")
)
BANNED_ATTRIBUTES = frozenset(str.split("""tofile dump dumps ctypes setflags format format_map mro base data"""))
INSIDES = ("gi_", "cr_", "ag_", "f_", "tb_", "co_", "func_")
"""Attributes that begin so lead from generators, frames and functions to the rest of the process."""
BANNED_NODES: dict[type, str] = {
    ast.Import: "import",
    ast.ImportFrom: "import",
    ast.ClassDef: "class",
    ast.Global: "global",
    ast.Nonlocal: "nonlocal",
    ast.While: "while",
    ast.With: "with",
    ast.Try: "try",
    ast.Raise: "raise",
    ast.Yield: "yield",
    ast.YieldFrom: "yield",
    ast.AsyncFunctionDef: "async",
    ast.AsyncFor: "async",
    ast.AsyncWith: "async",
    ast.Await: "async",
}
ENTRIES = {
    "batched": ("compute_reward",),
    "by_row": ("compute_dense_reward",),
    "sparse_dense": ("sparse", "dense"),
}
"""Form of a program -> the functions that it must define."""
PROVIDED = ("math", "np")
_BLOCK = re.compile(r"^[ \t]*```[ \t]*(\w*)[^\n]*\n(.*?)(?:^[ \t]*```[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_DEF = re.compile(r"^(?:async\s+)?def\s", re.MULTILINE)


@dataclass(frozen=True)
class Refusal:
    """Why a program is not run."""

    stage: str
    """``parse``, ``ast`` or ``signature``."""
    message: str
    """One sentence."""


def code_of(reply: str) -> str:
    """The program in a reply: the first ``python`` block, else the first block, else all of it; from its first def on."""
    blocks = [(kind.lower(), text) for kind, text in _BLOCK.findall(reply)]
    python = [text for kind, text in blocks if kind in ("python", "py")]
    code = (python or [text for _, text in blocks] or [reply])[0]
    found = _DEF.search(code)
    return (code[found.start() :] if found else code).strip() + "\n"


def identity(source: str) -> str:
    """A short name of what a program does: equal for programs that differ in comments and layout only."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            text = ast.dump(ast.parse(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        text = source
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()


def refusal(source: str, fields: Sequence[str], form: str = "batched") -> Refusal | None:
    """The first thing that is wrong with a program, or None."""
    entries = ENTRIES[form]
    tree, why = _parsed(source, entries)
    if tree is None:
        return Refusal("parse", why)
    if why := next(_misuses(tree), ""):
        return Refusal("ast", why)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    checks = {"batched": _batched, "by_row": _by_row, "sparse_dense": _sparse_dense}[form]
    for name in entries:
        if why := _plain_arguments(functions[name]) or checks(functions[name], fields):
            return Refusal("signature", why)
    return None


def arguments(source: str, entry: str) -> tuple[str, ...]:
    """Names of the arguments of a function of a program that was not refused."""
    body = ast.parse(source).body
    found = next(node for node in body if isinstance(node, ast.FunctionDef) and node.name == entry)
    return tuple(argument.arg for argument in found.args.args)


def _parsed(source: str, entries: Sequence[str]) -> tuple[ast.Module | None, str]:
    if len(source) > LONGEST:
        return None, f"a program must have at most {LONGEST} characters, got {len(source)}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of doubtful escapes and comparisons, which do no harm
            tree = ast.parse(source)
            compile(tree, "<program>", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return None, f"a program must be Python, got {error}"
    # What stage ast forbids is told there, where a reader expects it.
    if odd := [node for node in tree.body if not isinstance(node, (ast.FunctionDef, *BANNED_NODES))]:
        line = source.splitlines()[odd[0].lineno - 1].strip()
        return None, f"a program must consist of functions, got line {odd[0].lineno}: {line[:100]}"
    names = [node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        return None, f"a program must define each function once, got {', '.join(twice)} twice"
    if missing := [name for name in entries if name not in names]:
        return None, f"a program must define {' and '.join(entries)}, got no {missing[0]}"
    return tree, ""


def _misuses(tree: ast.Module) -> Iterator[str]:
    """Sentences about what programs may not use, in the order of the tree."""
    for node in ast.walk(tree):
        line = f"line {getattr(node, 'lineno', 0)}"
        if what := BANNED_NODES.get(type(node)) or ("try" if type(node).__name__ == "TryStar" else ""):
            yield f"{line}: a program must do without {what}"
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            yield f"{line}: a program must do without decorators"
        attribute = node.attr if isinstance(node, ast.Attribute) else ""
        if attribute.startswith(("_", *INSIDES)) or attribute in BANNED_ATTRIBUTES:
            yield f"{line}: a program must not use the attribute {attribute}"
        name = node.id if isinstance(node, ast.Name) else node.arg if isinstance(node, ast.arg) else ""
        name = node.name if isinstance(node, ast.FunctionDef) else name
        if name.startswith("__") or name in BANNED_NAMES:
            yield f"{line}: a program must not use the name {name}"
        if isinstance(node, (ast.For, ast.comprehension)) and not _short(node.iter):
            line = f"line {node.iter.lineno}"
            yield f"{line}: a loop must go over range(n) with a number n <= {LONGEST_LOOP}, or over items written out"


def _short(iterable: ast.expr) -> bool:
    """Whether what is looped over is a range of known numbers, items written out, or those zipped or counted."""
    if isinstance(iterable, (ast.Tuple, ast.List, ast.Dict)):
        return True
    if not isinstance(iterable, ast.Call):
        return False
    if isinstance(iterable.func, ast.Attribute):
        return isinstance(iterable.func.value, ast.Dict)
    if not isinstance(iterable.func, ast.Name):
        return False
    if iterable.func.id == "range":
        try:
            return len(range(*(ast.literal_eval(argument) for argument in iterable.args))) <= LONGEST_LOOP
        except (ValueError, TypeError, OverflowError):
            return False
    return iterable.func.id in ("enumerate", "zip", "reversed", "sorted") and all(map(_short, iterable.args))


def _plain_arguments(function: ast.FunctionDef) -> str:
    given = function.args
    if given.vararg or given.kwarg or given.kwonlyargs or given.posonlyargs:
        return f"{function.name} must have plain arguments only, got others in line {function.lineno}"
    for default in given.defaults:
        if not isinstance(default, ast.Constant) or type(default.value) not in (int, float):
            return f"{function.name}'s defaults must be numbers, got something else in line {default.lineno}"
    return ""


def _batched(function: ast.FunctionDef, fields: Sequence[str]) -> str:
    asked = [argument.arg for argument in function.args.args]
    required = asked[: len(asked) - len(function.args.defaults)]
    if unknown := [name for name in required if name not in fields]:
        return f"{function.name}'s arguments must be fields ({', '.join(fields)}), got {', '.join(unknown)}"
    return ""


def _by_row(function: ast.FunctionDef, fields: Sequence[str]) -> str:
    asked = [argument.arg for argument in function.args.args]
    if asked not in (["self"], ["self", "action"]):
        return f"{function.name} must have the arguments (self, action), got ({', '.join(asked)})"
    return ""


def _sparse_dense(function: ast.FunctionDef, fields: Sequence[str]) -> str:
    asked = [argument.arg for argument in function.args.args]
    if len(asked) != 2:
        return f"{function.name} must have the arguments (obs, mem), got ({', '.join(asked)})"
    heads = {*fields, *(field.partition(".")[0] for field in fields)}
    for node in ast.walk(function):
        name: object = None
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == asked[0]:
            name = node.attr
        elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == asked[0]:
            name = node.slice.value if isinstance(node.slice, ast.Constant) else None
        if name is not None and name not in heads:
            return f"{function.name} may read the fields {', '.join(fields)} of {asked[0]}, got {name}"
    return ""


class _Renamer(ast.NodeTransformer):
    def __init__(self, names: dict[tuple[str, ...], tuple[str, ...]]) -> None:
        self.names = names

    def visit(self, node: ast.AST) -> ast.AST:
        path = _path(node)
        if path in self.names:
            first, *rest = self.names[path]
            made: ast.expr = ast.Name(first, ast.Load())
            for name in rest:
                made = ast.Attribute(made, name, ast.Load())
            if isinstance(made, (ast.Name, ast.Attribute)) and isinstance(node, (ast.Name, ast.Attribute)):
                made.ctx = node.ctx
            return made
        return self.generic_visit(node)


def _path(node: ast.AST) -> tuple[str, ...]:
    """``("self", "cube", "p")`` of ``self.cube.p``; () for what is no name with attributes."""
    if isinstance(node, ast.Name):
        return (node.id,)
    above = _path(node.value) if isinstance(node, ast.Attribute) else ()
    return (*above, node.attr) if above and isinstance(node, ast.Attribute) else ()


def renamed(source: str, names: dict[str, str]) -> str:
    """A program with dotted names exchanged, ``{"self.cube": "self.obj"}``: whole names only, none in texts.

    Comments and layout are lost.
    """
    paths = {tuple(old.split(".")): tuple(new.split(".")) for old, new in names.items()}
    return ast.unparse(_Renamer(paths).visit(ast.parse(source))) + "\n"
