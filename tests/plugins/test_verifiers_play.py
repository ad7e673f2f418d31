"""Conversations of the policy in this process: exact tokens, limits, failures, chat templates."""

import asyncio
import warnings
from typing import Any

import pytest
import torch

from guerdon import GuerdonError, pieces
from guerdon.policies.language_model import LanguageModel
from guerdon.rollouts.sampler import Completion
from guerdon.tasks.problem import Problem

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    vf = pytest.importorskip("verifiers.v1", reason="verifiers is not installed", exc_type=ImportError)

    from guerdon.plugins import verifiers_play as play


class Words:
    """One token per character; 0 ends a reply."""

    eos_id, pad_id, vocab_size = 0, 1, 1 << 16

    def encode(self, text: str) -> list[int]:
        return [ord(sign) for sign in text]

    def decode(self, ids: Any) -> str:
        return "".join(chr(number) for number in ids if number)


class Plain:
    """A policy without a chat template, as far as conversations go."""

    tokenizer = Words()
    encode_prompt = LanguageModel.encode_prompt


class Templated(Plain):
    """A policy with one: ``<role|content>`` and ``<assistant|`` where it speaks; a turn ends with 0."""

    drops = False

    def encode_prompt(self, problem: Problem) -> list[int]:
        ids: list[int] = []
        for message in problem.prompt:
            assert isinstance(message, dict)
            content = "..." if self.drops and message["role"] == "assistant" else message["content"]
            ids += [*self.tokenizer.encode(f"<{message['role']}|{content}"), 0]
        return [*ids, *self.tokenizer.encode("<assistant|")]


def said(text: str, truncated: bool = False) -> Completion:
    ids = torch.tensor([*Words().encode(text), *([] if truncated else [0])])
    return Completion(ids, torch.full((len(ids),), -1.0), text, truncated)


def loaded(**options: Any) -> tuple[Any, list[Any]]:
    return pieces.VerifiersTaskset("toy_verifiers", options=options).loaded()


def run(policy: Any, replies: list[Completion], task: int = 0, max_turns: int | None = None) -> tuple[Any, list[str]]:
    """One episode with these replies; it, and the text that each was an answer to."""
    environment, tasks = loaded()
    asked: list[str] = []
    left = iter(replies)

    async def generate(ids: list[int], seed: int) -> Completion:
        asked.append("".join(chr(number) if number else "$" for number in ids))
        return next(left)

    episode = asyncio.run(play.Play(environment, tasks[task], policy, generate, 7, max_turns).run())
    return episode, asked


def test_a_conversation_appends_and_never_tokenizes_again():
    episode, asked = run(Plain(), [said("a"), said("b", truncated=True), said("0")])
    assert asked == [
        "user: say 0\n",
        "user: say 0\na$\nuser: again\n",
        "user: say 0\na$\nuser: again\nb\nuser: again\n",
    ]
    (trace,) = episode.traces
    assert trace.branches[-1].token_ids == [*Words().encode(asked[2].replace("$", "\0")), ord("0"), 0]
    assert (trace.stop_condition, trace.num_turns, trace.ok) == ("max_turns", 3, True)
    assert {name: entry.score for name, entry in trace.rewards.items()} == {"right": 1.0, "short": 0.5, "episode": 1.0}
    assert trace.reward == 2.0 * 1.0 + 0.5 * 0.5 + 1.0 and trace.metrics["turns"] == 3.0


def test_a_chat_template_adds_what_stands_between_the_turns():
    _, asked = run(Templated(), [said("a"), said("b", truncated=True), said("c")])
    assert asked[0] == "<user|say 0$<assistant|"
    # The end of the first turn was sampled; that of the second, which was cut off, is the template's.
    assert asked[1] == "<user|say 0$<assistant|a$<user|again$<assistant|"
    assert asked[2] == "<user|say 0$<assistant|a$<user|again$<assistant|b$<user|again$<assistant|"


def test_a_template_that_changes_earlier_turns_is_refused():
    policy = Templated()
    policy.drops = True
    with pytest.raises(GuerdonError, match="must render earlier turns as they were"):
        run(policy, [said("a"), said("b")])


def test_stops_and_limits_end_a_conversation():
    episode, asked = run(Plain(), [said("a"), said("b")], task=1)
    assert episode.traces[0].stop_condition == "twice_on_odd" and len(asked) == 2
    episode, asked = run(Plain(), [said("a")], max_turns=1)
    assert episode.traces[0].stop_condition == "max_turns" and len(asked) == 1


def test_a_reward_that_raises_makes_the_trace_unscored():
    from guerdon.plugins.verifiers_traces import batch_of

    episode, _ = run(Plain(), [said("boom")], max_turns=1)
    (trace,) = episode.traces
    assert not trace.ok and "boom" in trace.errors[0].message
    assert batch_of([trace])["traj.reward/right"].isnan().all()


def test_the_prompt_speaks_first():
    _, tasks = loaded()
    chat = play.Chat(tasks[0], play.new_trace(tasks[0]), None, None)
    with pytest.raises(GuerdonError, match="a task with a prompt speaks first, by a bare turn"):
        asyncio.run(chat.turn("hello"))


def test_what_needs_a_runtime_is_refused():
    task = pieces.VerifiersTaskset("toy_verifiers_needy", limit=2)
    with pytest.raises(GuerdonError, match="the reward files of NeedyTask asks for a runtime; record traces"):
        play.check(task.loaded()[0], task.loaded()[1][0])


def test_replies_that_are_awaited_together_are_sampled_together():
    sizes: list[int] = []

    def sample(prompts: list[torch.Tensor], seeds: torch.Tensor) -> list[Completion]:
        sizes.append(len(prompts))
        return [said("x") for _ in prompts]

    environment, tasks = loaded()
    episodes = play.play_all(environment, tasks[:4], Plain(), sample, [1, 2, 3, 4])
    assert sizes == [4, 4, 2]  # odd tasks stop after two turns
    assert [episode.traces[0].num_turns for episode in episodes] == [3, 2, 3, 2]


def test_a_policy_that_fails_says_so():
    def sample(prompts: Any, seeds: Any) -> list[Completion]:
        raise RuntimeError("out of memory")

    environment, tasks = loaded()
    with pytest.raises(GuerdonError, match="the policy could not reply: out of memory"):
        play.play_all(environment, tasks[:2], Plain(), sample, [1, 2])


def test_system_prompts_open_the_conversation():
    _, tasks = loaded(system=True)
    assert [message.role for message in play.opening(tasks[0].data)] == ["system", "user"]
