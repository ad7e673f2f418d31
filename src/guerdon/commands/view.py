"""Look at runs in the browser: curves, a table of rollouts, tokens coloured by advantage, what changed.

Examples:
  guerdon view runs/a                        opens http://127.0.0.1:8642/
  guerdon view runs/a runs/b                 both in the same charts and tables
  guerdon view runs                          every run below a folder, also while they are going on
  guerdon view runs/a --port 0 --no-browser  any free port; open the address yourself
"""

import argparse
import os
import sys

from guerdon.errors import GuerdonError


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("folders", nargs="+", metavar="DIR", help="run folders, or folders that hold some")
    parser.add_argument("--port", type=int, default=8642, metavar="N", help="on 127.0.0.1; 0: any (default: 8642)")
    parser.add_argument("--no-browser", action="store_true", help="print the address, and open nothing")


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    if not 0 <= arguments.port < 65536:
        raise GuerdonError(f"--port must lie in 0..65535, got {arguments.port}")
    from guerdon.view.server import ViewServer
    from guerdon.view.store import Store

    store = Store(arguments.folders)
    with ViewServer(store, arguments.port) as server:
        rows, runs = len(store.now.rows), len(store.now.runs)
        print(f"{rows} rollouts of {runs} run{'s' * (runs != 1)} at {server.url} (Ctrl-C ends)", flush=True)
        if not arguments.no_browser and has_screen():
            import threading
            import webbrowser

            # Some browsers return only when they are closed.
            threading.Thread(target=webbrowser.open, args=(server.url,), daemon=True).start()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
    return 0


def has_screen() -> bool:
    """Whether a browser has somewhere to open; elsewhere one that runs in the terminal would take it over."""
    return not sys.platform.startswith("linux") or bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys())
