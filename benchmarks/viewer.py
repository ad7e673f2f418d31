"""How fast the viewer is on 100,000 rollouts: reading the folders, and each question of the page, medians.

    python benchmarks/viewer.py [--rollouts 100000] [--repeats 15] [--folder DIR] [--json]

The run folders are made once, by the writer that runs use; with ``--folder`` they are kept and used again.
Where a headless Chromium is installed, ``benchmarks/viewer_page.py`` (if it is there) measures the page as well.
"""

import argparse
import http.client
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from guerdon.view.server import ViewServer
from guerdon.view.store import Store

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "view"))
from fake_runs import GROUP, WORDS, fake_run, text_batch

STEPS, RUNS = 25, 2
"""Stored steps per run, runs."""


def write_runs(folder: Path, rollouts: int) -> None:
    """``RUNS`` runs with ``rollouts`` rollouts in all."""
    groups = rollouts // (RUNS * STEPS * GROUP)
    for run in range(RUNS):
        path = folder / f"run{run}"
        fake_run(path, {10 * step: text_batch(groups, 10 * step, run) for step in range(1, STEPS + 1)})


def resident() -> float:
    """MiB of memory that this process has now."""
    pages = Path("/proc/self/statm")
    return int(pages.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20 if pages.exists() else float("nan")


def measure(call: Callable[[int], Any], repeats: int) -> dict[str, float]:
    """Median and worst milliseconds of ``call(0)``, ``call(1)``, ...; the first call is told apart."""
    took = []
    for number in range(repeats + 1):
        started = time.perf_counter()
        call(number)
        took.append(1000 * (time.perf_counter() - started))
    return {"first_ms": took[0], "median_ms": statistics.median(took[1:]), "worst_ms": max(took[1:])}


def questions(port: int, rows: int, repeats: int) -> dict[str, dict[str, float]]:
    """Latency of every endpoint over one connection, as a page has it."""
    link = http.client.HTTPConnection("127.0.0.1", port)

    def get(path: str) -> bytes:
        link.request("GET", path)
        answer = link.getresponse()
        body = answer.read()
        assert answer.status == 200, body[:300]
        return body

    rows_of = np.random.default_rng(0).integers(0, rows, (repeats + 1, 40))
    windows = [",".join(map(str, each)) for each in rows_of]
    nearby = [",".join(map(str, range(int(each[0]) // 2, int(each[0]) // 2 + 40))) for each in rows_of]
    return {
        "meta": measure(lambda number: get("/api/meta"), repeats),
        "columns (all)": measure(lambda number: get("/api/columns"), repeats),
        "columns (one)": measure(lambda number: get("/api/columns?names=reward"), repeats),
        "texts (40 neighbours)": measure(lambda number: get(f"/api/texts?rows={nearby[number]}"), repeats),
        "texts (40 anywhere)": measure(lambda number: get(f"/api/texts?rows={windows[number]}"), repeats),
        "search": measure(lambda number: get(f"/api/search?q=seven+times+{WORDS[number % 9]}"), repeats),
        "search (case)": measure(lambda number: get("/api/search?q=holds+because&case=1"), repeats),
        "rollout": measure(lambda number: get(f"/api/rollout?row={rows_of[number, 0]}"), repeats),
    }


def page_times(url: str) -> dict[str, Any]:
    """What a browser measures, where the script for it and a browser are there."""
    path = Path(__file__).with_name("viewer_page.py")
    if not path.exists():
        return {}
    spec = importlib.util.spec_from_file_location("viewer_page", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.measure(url)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollouts", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true", help="only write the run folders")
    arguments = parser.parse_args()
    if arguments.write:
        write_runs(arguments.folder, arguments.rollouts)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        if not (folder / "run0").exists():
            # By another process, whose memory is not in the way of what is measured.
            words = ["--write", "--folder", str(folder), "--rollouts", str(arguments.rollouts)]
            subprocess.run([sys.executable, __file__, *words], check=True)
        files = [path for path in folder.rglob("*") if path.is_file()]
        before = resident()
        loads = []
        for _ in range(3):
            started = time.perf_counter()
            store = Store([folder])
            store.meta()
            loads.append(time.perf_counter() - started)
        rows = len(store.now.rows)
        found: dict[str, Any] = {
            "rollouts": rows,
            "files_mib": sum(path.stat().st_size for path in files) / 2**20,
            "load_s": {"first": loads[0], "median": statistics.median(loads)},
            "columns_mib": sum(store.now.rows.column(name).nbytes for name in store.now.rows.kinds) / 2**20,
            "memory_mib_more": resident() - before,
        }
        with ViewServer(store) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            found["endpoints"] = questions(server.server_port, rows, arguments.repeats)
            found["memory_mib_with_texts"] = resident() - before
            found["page"] = page_times(server.url)
            server.shutdown()
    if arguments.json:
        print(json.dumps(found, indent=2))
        return
    print(f"{rows} rollouts in {len(files)} files, {found['files_mib']:.0f} MiB")
    print(f"index       {found['load_s']['first']:.2f} s the first time, {found['load_s']['median']:.2f} s median")
    print(
        f"memory      {found['columns_mib']:.1f} MiB of columns; the process grew by {found['memory_mib_more']:.0f} MiB, "
        f"with the texts that were asked for by {found['memory_mib_with_texts']:.0f} MiB"
    )
    print(f"{'question':24}{'first':>10}{'median':>10}{'worst':>10}  ms")
    for name, each in found["endpoints"].items():
        print(f"{name:24}" + "".join(f"{each[key]:10.1f}" for key in ("first_ms", "median_ms", "worst_ms")))
    for name, value in found["page"].items():
        print(f"{name:24}{value}")


if __name__ == "__main__":
    main()
