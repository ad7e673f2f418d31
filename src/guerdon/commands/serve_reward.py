"""Serve a reward over HTTP, for runs on other machines (the reward piece `remote`) or for any other program.

Examples:
  guerdon serve-reward --reward number --port 8000
  guerdon serve-reward --reward mine:judge --port 8000 --workers 8 --timeout 30 --cache scores.sqlite
  guerdon serve-reward --reward verifier --task chain_sum --port 8000 --host 0.0.0.0 --token-env REWARD_TOKEN

POST /score takes {"samples": [{"response": "4", "prompt": "2+2?", "answer": "4"}]} and gives {"scores": [1.0],
"errors": [""]}; GET /health gives {"status": "ok"}. docs/rewards.md describes both. Ctrl-C or SIGTERM stops it cleanly.
"""

import argparse
import os
import signal
import sys
import threading

from guerdon.commands._arguments import positive
from guerdon.errors import GuerdonError


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("--reward", metavar="SPEC", required=True, help="a reward piece, a scorer or module:function")
    parser.add_argument("--task", metavar="SPEC", help="whose scorer and problems to use, where the reward asks for it")
    parser.add_argument("--port", type=int, required=True, help="0 takes a free one and says which")
    parser.add_argument(
        "--host", default="127.0.0.1", help="default: 127.0.0.1, this machine alone; others need a token"
    )
    parser.add_argument(
        "--token-env", metavar="NAME", help="environment variable with the token that callers must send"
    )
    parser.add_argument("--token-file", metavar="FILE", help="file with the token")
    parser.add_argument("--workers", type=int, metavar="N", help="calls of the reward at the same time")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="time limit of one call")
    parser.add_argument("--cache", metavar="FILE", help="keep scores in this file, by content")
    parser.add_argument("--max-body", type=int, default=64, metavar="MIB", help="largest request (default: 64)")


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to stop."""
    from guerdon.piece import TaskSpec
    from guerdon.rewards._http import read_token
    from guerdon.rewards.samples import SampleJudge, with_options
    from guerdon.rewards.server import Limits, RewardServer
    from guerdon.specs import resolve, reward

    sys.path.insert(0, os.getcwd())
    if not 0 <= arguments.port < 65536:
        raise GuerdonError(f"--port must lie in 0..65535, got {arguments.port}")
    options = {"workers": positive("--workers", arguments.workers), "timeout": arguments.timeout}
    piece = with_options(reward(arguments.reward), **options, cache=arguments.cache)
    task = resolve(arguments.task, TaskSpec, "--task") if arguments.task else None
    token = read_token(arguments.token_env, arguments.token_file)
    limits = Limits(body=positive("--max-body", arguments.max_body) << 20)
    with RewardServer((arguments.host, arguments.port), SampleJudge(piece, task), token=token, limits=limits) as server:

        def stop(number: int, frame: object) -> None:
            # shutdown() waits for the loop that this handler interrupts.
            threading.Thread(target=server.shutdown).start()

        before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            print(f"serving {arguments.reward} at http://{arguments.host}:{server.server_port}/score", flush=True)
            server.serve_forever(poll_interval=0.1)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    return 0
