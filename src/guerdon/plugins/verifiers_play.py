"""Playing an environment of verifiers with a guerdon policy, in this process: no server, no harness program.

Idea
    An environment is control flow over agents. Here an agent is the policy itself: each turn appends the new messages
    to the tokens so far, samples, and notes tokens and log-probs in verifiers' own trace, which its stops, metrics,
    rewards and ``finalize`` then see. Episodes run at the same time, and what waits for the policy is sampled together.
Reads
    verifiers 0.4 (its v1 interface).
Deviations
    What was sampled is never tokenised again. With a chat template, the template must render earlier turns as they
    were sampled, else it is refused. Not there: tool servers, runtimes and containers, ``@intercept``, steering,
    stops that look at a request or a response.
"""

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import torch

from guerdon.errors import GuerdonError
from guerdon.policies.language_model import LanguageModel
from guerdon.rollouts.sampler import Completion
from guerdon.tasks.problem import Problem

Generate = Callable[[list[int], int], Any]
"""(token ids, seed) -> awaitable Completion."""


def check(environment: Any, task: Any) -> None:
    """Refuse an environment that needs more than a policy.

    Raises:
        GuerdonError: naming what it needs.
    """
    instead = "record traces with verifiers' own runner and convert them with guerdon.plugins.verifiers_traces"
    name = type(task).__name__
    if type(task).toolsets(task.config) or type(environment.taskset).toolsets(environment.taskset.config):
        raise GuerdonError(f"{name} has tool servers, which are not run here; {instead}")
    if task.NEEDS_CONTAINER:
        raise GuerdonError(f"{name} needs a container, which is not run here; {instead}")
    for kind in ("reward", "metric"):
        for hook in task.hooks(kind):
            needs = inspect.signature(hook).parameters.get("runtime")
            if needs is not None and needs.default is inspect.Parameter.empty:
                raise GuerdonError(f"the {kind} {hook.__name__} of {name} asks for a runtime; {instead}")


def new_trace(task: Any, name: str = "agent", config: Any = None) -> Any:
    """An empty trace of a task."""
    import verifiers.v1 as vf  # pyright: ignore[reportMissingImports]

    about = vf.TraceTask(type=type(task).__name__, data=task.data, key=task.key, hash=task.hash)
    return vf.Trace(task=about, agent=vf.AgentInfo(config=config or vf.AgentConfig(), name=name))


def single_turn(task: Any, response: str) -> Any:
    """A finished trace of the task's prompt and one response."""
    import verifiers.v1 as vf  # pyright: ignore[reportMissingImports]

    trace = new_trace(task)
    for message in opening(task.data):
        _append(trace, message)
    _append(trace, vf.AssistantMessage(content=response), sampled=True)
    trace.stop("agent_completed")
    trace.ok = True
    return trace


def opening(data: Any) -> list[Any]:
    """The messages that a task begins with."""
    import verifiers.v1 as vf  # pyright: ignore[reportMissingImports]

    system = [] if data.system_prompt is None else [vf.SystemMessage(content=data.system_prompt)]
    if data.prompt is None:
        return system
    return [*system, *([vf.UserMessage(content=data.prompt)] if isinstance(data.prompt, str) else data.prompt)]


def _append(trace: Any, message: Any, ids: Sequence[int] = (), sampled: bool = False, **fields: Any) -> int:
    import verifiers.v1 as vf  # pyright: ignore[reportMissingImports]

    parent = len(trace.nodes) - 1 if trace.nodes else None
    fields = {"mask": [sampled] * len(ids), **fields}
    trace.nodes.append(vf.MessageNode(parent=parent, message=message, sampled=sampled, token_ids=list(ids), **fields))
    return len(trace.nodes) - 1


def new_ids(policy: LanguageModel, before: Sequence[Any], new: Sequence[Any], ended: bool) -> list[int]:
    """The tokens that ``new`` messages add behind the tokens of ``before``, up to where the policy speaks.

    ``ended``: whether the last sampled token was the end-of-sequence token.

    Raises:
        GuerdonError: if the chat template changes earlier turns.
    """
    if not before:
        return policy.encode_prompt(Problem("", _plain(new)))
    if type(policy).encode_prompt is LanguageModel.encode_prompt:
        lines = "".join(f"{message['role']}: {message['content']}\n" for message in _plain(new))
        return policy.tokenizer.encode(f"\n{lines}")
    # Up to the last reply the sequence is known; what the template puts behind that reply is new.
    reply = policy.tokenizer.encode(_plain(before)[-1]["content"])
    known = [*policy.encode_prompt(Problem("", _plain(before[:-1]))), *reply]
    whole = policy.encode_prompt(Problem("", _plain([*before, *new])))
    if whole[: len(known)] != known:
        raise GuerdonError(
            "the policy's chat template must render earlier turns as they were, and it changes them (thinking that is "
            "dropped, say); use a template that only appends"
        )
    tail = whole[len(known) :]
    return tail[1:] if ended and tail[:1] == [policy.tokenizer.eos_id] else tail


def _plain(messages: Sequence[Any]) -> tuple[dict[str, str], ...]:
    return tuple({"role": message.role, "content": _text(message.content)} for message in messages)


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "\n".join(getattr(part, "text", "") for part in content or ())


class Chat:
    """One agent's conversation; what ``agents.NAME.interaction(task)`` gives to an environment."""

    def __init__(self, task: Any, trace: Any, play: "Play", max_turns: int | None) -> None:
        self.task, self.trace, self.play, self.max_turns = task, trace, play, max_turns
        self.ids: list[int] = []
        self.ended = self.started = False

    async def turn(self, message: Any = None) -> Any:
        """One user turn and the reply; a terminated segment where the exchange is over."""
        import verifiers.v1 as vf  # pyright: ignore[reportMissingImports]

        new = [] if self.started else opening(self.task.data)
        prompted = not self.started and self.task.data.prompt is not None
        if (message is None) != prompted:
            raise GuerdonError(
                "a task with a prompt speaks first, by a bare turn(); after it, and without a prompt, turn(message) "
                f"needs a message, got {message!r}"
            )
        if isinstance(message, str):
            new.append(vf.UserMessage(content=message))
        elif message is not None:
            new += [vf.UserMessage(**item) if isinstance(item, dict) else item for item in message]
        self.started = True
        if await self._over():
            return vf.Segment(messages=[], terminated=True)
        return vf.Segment(messages=[await self._reply(new)])

    async def _over(self) -> bool:
        """Whether a limit or a stop of the task ends the conversation here."""
        if self.max_turns is not None and self.trace.num_turns >= self.max_turns:
            self.trace.stop("max_turns")
        for hook in self.task.hooks("stop"):
            if self.trace.stop_condition is None and await _called(hook, self.task, self.trace):
                self.trace.stop(hook.__name__)
        return self.trace.stop_condition is not None

    async def _reply(self, new: list[Any]) -> Any:
        import verifiers.v1 as vf  # pyright: ignore[reportMissingImports]

        policy, before = self.play.policy, [node.message for node in self.trace.nodes]
        added = new_ids(policy, before, new, self.ended)
        for place, message in enumerate(new):
            _append(self.trace, message, added if place == len(new) - 1 else ())
        self.ids += added
        done: Completion = await self.play.generate(self.ids)
        sampled = done.ids.tolist()
        self.ids += sampled
        self.ended = not done.truncated and sampled[-1:] == [policy.tokenizer.eos_id]
        reply = vf.AssistantMessage(content=done.text)
        node = _append(self.trace, reply, sampled, sampled=True, logprobs=done.logprobs.tolist())
        reason = "length" if done.truncated else "stop"
        usage = vf.Usage(prompt_tokens=len(self.ids) - len(sampled), completion_tokens=len(sampled))
        self.trace.calls.append(vf.ModelCall(node=node, finish_reason=reason, usage=usage))
        return reply

    async def finish(self, condition: str) -> Any:
        """Metrics and rewards; an error there is the trace's."""
        self.trace.stop(condition)
        self.trace.ok = True
        try:
            await self.task.score(self.trace, None)
        except Exception as error:
            self.trace.record_error(error)
        return self.trace


async def _called(hook: Any, task: Any, trace: Any) -> bool:
    from verifiers.v1.utils.decorators import invoke  # pyright: ignore[reportMissingImports]

    import verifiers.v1 as vf  # pyright: ignore[reportMissingImports] # isort: skip

    result = invoke(hook, {"task": task.data, "trace": trace, vf.Trace: trace})
    return bool(await result if inspect.isawaitable(result) else result)


class Seat:
    """An agent of an environment, played by the policy."""

    def __init__(self, name: str, config: Any, play: "Play") -> None:
        self.name, self.config, self.play = name, config, play
        self.trainable = True

    async def run(self, task: Any, **_: Any) -> Any:
        """One reply to the task's prompt; the finished trace."""
        chat = self._open(task)
        await chat.turn()
        return await chat.finish("agent_completed")

    @contextlib.asynccontextmanager
    async def interaction(self, task: Any, **_: Any) -> AsyncIterator[Chat]:
        """A conversation whose user is the caller."""
        chat = self._open(task)
        try:
            yield chat
        finally:
            await chat.finish("user_closed")

    def _open(self, task: Any) -> Chat:
        check(self.play.environment, task)
        trace = new_trace(task, self.name, self.config)
        trace.agent.trainable = self.trainable
        self.play.episode.traces.append(trace)
        limits = [limit for limit in (self.config.max_turns, self.play.max_turns) if limit is not None]
        return Chat(task, trace, self.play, min(limits, default=None))


class Play:
    """One episode of an environment."""

    def __init__(
        self, environment: Any, task: Any, policy: LanguageModel, generate: Generate, seed: int, max_turns: int | None
    ) -> None:
        import verifiers.v1 as vf  # pyright: ignore[reportMissingImports]

        self.environment, self.task, self.policy, self.max_turns = environment, task, policy, max_turns
        self._generate, self.seed, self.calls = generate, seed, 0
        about = vf.TraceTask(type=type(task).__name__, data=task.data, key=task.key, hash=task.hash)
        self.episode = vf.Episode(task=about)

    async def generate(self, ids: list[int]) -> Completion:
        """A reply; its seed depends on the episode and on how many replies it has had."""
        self.calls += 1
        return await self._generate(list(ids), (self.seed + self.calls * 0x9E3779B97F4A7C15) % 2**62)

    async def run(self) -> Any:
        """Setup, run and finalize; what they raise makes the traces unscored."""
        import verifiers.v1 as vf  # pyright: ignore[reportMissingImports]

        agents = vf.Agents(self.environment.config, lambda name, config: Seat(name, config, self))
        try:
            await self.environment.setup(agents)
            await self.environment.run(self.task, agents)
            await self.environment.finalize(self.task, self.episode)
        except GuerdonError:
            raise
        except Exception as error:
            for trace in self.episode.traces:
                trace.record_error(error)
        return self.episode


class Pump:
    """Replies that episodes wait for at the same time are sampled together."""

    def __init__(self, sample: Callable[[list[torch.Tensor], torch.Tensor], list[Completion]], episodes: int) -> None:
        self.sample, self.running = sample, episodes
        self.waiting: list[tuple[list[int], int, asyncio.Future[Completion]]] = []

    async def generate(self, ids: list[int], seed: int) -> Completion:
        """One reply."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Completion] = loop.create_future()
        self.waiting.append((ids, seed, future))
        if len(self.waiting) >= self.running:
            self._flush()
        else:
            # An episode that waits for something else (a judge, say) does not hold up the others for long.
            loop.call_later(0.05, self._flush)
        return await future

    def ended(self) -> None:
        """An episode is over."""
        self.running -= 1
        if self.waiting and len(self.waiting) >= self.running:
            self._flush()

    def _flush(self) -> None:
        taken, self.waiting = self.waiting, []
        if not taken:
            return
        try:
            seeds = torch.tensor([seed for _, seed, _ in taken], dtype=torch.int64)
            done = self.sample([torch.tensor(ids, dtype=torch.int64) for ids, _, _ in taken], seeds)
            for (_, _, future), completion in zip(taken, done, strict=True):
                future.set_result(completion)
        except Exception as error:
            for _, _, future in taken:
                if not future.done():
                    future.set_exception(GuerdonError(f"the policy could not reply: {error}"))


def play_all(
    environment: Any,
    tasks: Sequence[Any],
    policy: LanguageModel,
    sample: Callable[[list[torch.Tensor], torch.Tensor], list[Completion]],
    seeds: Sequence[int],
    max_turns: int | None = None,
) -> list[Any]:
    """One episode per task, in order.

    Raises:
        GuerdonError: if the environment needs more than a policy.
    """
    for task in tasks:
        check(environment, task)
    pump = Pump(sample, len(tasks))

    async def one(task: Any, seed: int) -> Any:
        try:
            return await Play(environment, task, policy, pump.generate, seed, max_turns).run()
        finally:
            pump.ended()

    async def together() -> list[Any]:
        await environment.start()
        try:
            return await asyncio.gather(*(one(task, seed) for task, seed in zip(tasks, seeds, strict=True)))
        finally:
            await environment.stop()

    return asyncio.run(together())


__all__ = ["check", "play_all", "single_turn"]
