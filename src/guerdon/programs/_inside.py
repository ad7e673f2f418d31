"""Evaluates a reward program on arrays. Given to Python as text inside the sandbox, where guerdon cannot be imported.

Wire
    In: ``job.json`` and ``data.npz`` in the working folder. Out, on stdout: one line of JSON, in which the arrays
    are an npz in base64. Nothing is ever unpickled.
The same code evaluates trusted programs in this process (``Program.evaluate(isolate=False)``).
"""

import base64
import builtins
import io
import json
import math
import sys
import traceback
import types

import numpy as np

BUILTINS = str.split(
    """abs min max sum range len float int bool zip enumerate round sorted dict list tuple isinstance any all
    reversed"""
)
NUMPY = str.split(
    """abs absolute add all any arange arccos arcsin arctan arctan2 argmax argmin array asarray atleast_1d bool_
    ceil clip column_stack concatenate cos cosh cross cumsum degrees diff divide dot einsum equal exp
    expand_dims expm1 fabs finfo float32 float64 floor fmax fmin full full_like greater greater_equal hypot
    inf int32 int64 isclose isfinite isnan less less_equal linspace log log1p log2 logical_and logical_not
    logical_or logical_xor matmul max maximum mean median min minimum mod multiply nan_to_num negative
    not_equal ones ones_like outer pi power prod radians ravel reciprocal remainder reshape round sign sin
    sinh sqrt square squeeze stack std subtract sum swapaxes take tan tanh tile transpose trunc var vstack
    where zeros zeros_like"""
)
MEMORY_BYTES = 1 << 16
"""Most that an episode's memory may be as JSON."""
MOST_COMPONENTS = 16


class Fault(Exception):
    """What is wrong with a program, and at which stage that shows."""

    def __init__(self, stage, message):
        super().__init__(message)
        self.stage = stage


def numpy_only(name, *rest):
    """Methods of arrays import parts of numpy when first called, through the builtins of who calls them."""
    if name.partition(".")[0] != "numpy":
        raise ImportError(f"a program must do without import, got {name}")
    return builtins.__import__(name, *rest)


def namespace():
    """The names that a program is given."""
    offered = types.SimpleNamespace(**{name: getattr(np, name) for name in NUMPY})
    offered.linalg = types.SimpleNamespace(norm=np.linalg.norm)
    # A copy: the module itself could be changed by a program.
    numbers = types.SimpleNamespace(**{name: value for name, value in vars(math).items() if name[0] != "_"})
    allowed = {name: getattr(builtins, name) for name in BUILTINS}
    allowed["__import__"] = numpy_only
    return {"__builtins__": allowed, "__name__": "program", "math": numbers, "np": offered}


def facade(row, prefix=""):
    """A read-only object whose attributes (and items) are the fields; dots in names make objects inside of it."""
    own = {name[len(prefix) :]: value for name, value in row.items() if name.startswith(prefix)}
    heads = {name.partition(".")[0] for name in own if "." in name}
    parts = {**{name: value for name, value in own.items() if "." not in name}}
    parts.update((head, facade(own, f"{head}.")) for head in heads)

    def get(self, name):
        if name in parts:
            return parts[name]
        raise AttributeError(f"there is no field {prefix}{name}")

    def refuse(self, *arguments):
        raise AttributeError("fields are read-only")

    kind = type("Fields", (), {"__slots__": (), "__getattr__": get, "__getitem__": get, "__setattr__": refuse})
    return kind()


def number(value, what):
    """A result as a float; booleans and arrays with entries are refused."""
    if isinstance(value, (bool, np.bool_)):
        raise Fault("shape", f"{what} must be a number, got a boolean")
    array = np.asarray(value)
    if array.shape not in ((), (1,)) or array.dtype.kind not in "iuf":
        raise Fault("shape", f"{what} must be one number, got {array.dtype} of shape {array.shape}")
    return float(array.reshape(()))


def taken_apart(result, what):
    """(total, components) of what a program returned."""
    total, parts = result if isinstance(result, tuple) and len(result) == 2 else (result, {})
    if not isinstance(parts, dict):
        raise Fault("shape", f"{what} must return a number per row, or (that, dict), got a {type(parts).__name__}")
    if len(parts) > MOST_COMPONENTS:
        raise Fault("shape", f"{what} may have at most {MOST_COMPONENTS} components, got {len(parts)}")
    for name in parts:
        if not isinstance(name, str) or not name.isidentifier():
            raise Fault("shape", f"{what}'s components must have identifiers as names, got {name!r}"[:200])
    return total, parts


def column(values, rows, what):
    """A result per row as float64 ``[rows]``."""
    array = np.asarray(values)
    if array.shape != (rows,) or array.dtype.kind not in "iuf":
        raise Fault("shape", f"{what} must be floats of shape ({rows},), got {array.dtype} of shape {array.shape}")
    return array.astype(np.float64)


def batched(space, job, data, rows):
    """``compute_reward``: one call for all rows."""
    result = space["compute_reward"](**{name: data[name] for name in job["arguments"]})
    total, parts = taken_apart(result, "compute_reward")
    named = {name: column(values, rows, f"component {name}") for name, values in parts.items()}
    return {"": column(total, rows, "compute_reward"), **named}


def row_of(data, index):
    """The fields of one row; plain numbers where a field has no shape."""
    return {name: values[index].item() if values.ndim == 1 else values[index] for name, values in data.items()}


def by_row(space, job, data, rows):
    """``compute_dense_reward``: one call per row, on a facade of the fields and the action."""
    found = {}
    for index in range(rows):
        fields = row_of(data, index)
        arguments = [facade(fields), fields.get("action")][: len(job["arguments"])]
        total, parts = taken_apart(space["compute_dense_reward"](*arguments), "compute_dense_reward")
        for name, value in {"": total, **parts}.items():
            found.setdefault(name, []).append(number(value, f"component {name}" if name else "compute_dense_reward"))
    for name, values in found.items():
        if len(values) != rows:
            raise Fault("shape", f"component {name} must be there in every row, got {len(values)} of {rows}")
    return {name: np.array(values) for name, values in found.items()} or {"": np.zeros(0)}


def plain(value, depth=0):
    """Whether memory holds nothing but numbers, texts, tuples and lists of those."""
    if isinstance(value, (bool, int, float, str)):
        return True
    return depth < 16 and isinstance(value, (list, tuple)) and all(plain(item, depth + 1) for item in value)


def remembered(memory):
    """Refuse a memory that holds objects or has grown too large."""
    if not all(isinstance(key, str) and plain(value) for key, value in memory.items()):
        raise Fault("dry_run", "mem may hold only numbers, texts, tuples and lists of those, under texts")
    if len(json.dumps(memory)) > MEMORY_BYTES:
        raise Fault("memory", f"mem must stay below {MEMORY_BYTES >> 10} KiB")


def sparse_dense(space, job, data, rows, episode):
    """``sparse`` and ``dense``: one call each per row, with one memory for both that begins empty in every episode."""
    found, memory = {"sparse": [], "dense": []}, {}
    for index in range(rows):
        if index and episode[index] != episode[index - 1]:
            memory = {}
        fields = facade(row_of(data, index))
        for name, values in found.items():
            values.append(number(space[name](fields, memory), name))
            remembered(memory)
    return {name: np.array(values, dtype=np.float64) for name, values in found.items()}


def evaluate(job, data, episode=None, space=None):
    """Columns by name, the total under ""; raises what the program raises, or ``Fault``."""
    space = namespace() if space is None else space
    exec(compile(job["source"], "<program>", "exec"), space)
    rows = len(next(iter(data.values())))
    with np.errstate(all="ignore"):
        if job["form"] == "sparse_dense":
            return sparse_dense(space, job, data, rows, np.zeros(rows) if episode is None else episode)
        return (batched if job["form"] == "batched" else by_row)(space, job, data, rows)


def told(error, source):
    """One exception, with the lines of the program that lead to it."""
    lines = source.splitlines()
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<program>"]
    where = [f"line {frame.lineno}: {lines[(frame.lineno or 1) - 1].strip()[:160]}" for frame in frames[-4:]]
    return "\n".join([f"{type(error).__name__}: {str(error)[:600]}", *where])[:2000]


def same(one, other):
    """Whether two evaluations gave the same columns, bit for bit but for NaN."""
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name], equal_nan=True) for name in one)


def judged(job, data, episode):
    """Evaluate; with ``dry`` twice, on copies, looking for randomness and for changed inputs."""
    given = {name: values.copy() for name, values in data.items()}
    first = namespace()  # kept while the second is made, so that equal addresses do not hide that they are used
    columns = evaluate(job, given, episode, first)
    if job.get("dry"):
        for name, values in data.items():
            if not np.array_equal(values, given[name], equal_nan=values.dtype.kind == "f"):
                raise Fault("mutates_input", f"the program must not change its input {name}")
        if not same(columns, evaluate(job, {name: values.copy() for name, values in data.items()}, episode)):
            raise Fault("nondeterministic", "the program must return the same for the same input, got two results")
    return columns


def outcome(job, data, episode) -> dict:
    """What became of an evaluation, as plain facts: ``columns``, or ``stage`` and ``message``."""
    try:
        return {"columns": judged(job, data, episode)}
    except Fault as fault:
        return {"stage": fault.stage, "message": str(fault)[:2000]}
    except MemoryError as error:
        return {"stage": "memory", "message": told(error, job["source"])}
    except Exception as error:
        return {"stage": "dry_run", "message": told(error, job["source"])}


def main():
    """Do the job of the working folder."""
    with open("job.json", encoding="utf-8") as file:
        job = json.load(file)
    with np.load("data.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    episode = arrays.pop("episode:", None)
    facts = outcome(job, arrays, episode)
    if "columns" in facts:
        buffer, columns = io.BytesIO(), facts.pop("columns")
        np.savez(buffer, **{f"c:{name}": values for name, values in columns.items()})
        facts["npz"] = base64.b64encode(buffer.getvalue()).decode()
    sys.stdout.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    main()
