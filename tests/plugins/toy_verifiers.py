"""A verifiers package for tests: a taskset whose environment asks again until three replies, or one of several kinds."""

import verifiers.v1 as vf


class Data(vf.TaskData):
    answer: str = ""


class SayTask(vf.Task[Data]):
    """Say a digit."""

    @vf.reward(weight=2.0)
    async def right(self, task, trace) -> float:
        return float(task.answer in trace.last_reply)

    @vf.reward(weight=0.5)
    async def short(self, task, trace) -> float:
        if "boom" in trace.last_reply:
            raise ValueError("boom")
        return 1.0 / (1 + len(trace.last_reply))

    @vf.metric
    async def turns(self, trace) -> float:
        return float(trace.num_turns)

    @vf.stop
    async def twice_on_odd(self, task, trace) -> bool:
        return task.idx % 2 == 1 and trace.num_turns == 2


class SayConfig(vf.TasksetConfig):
    count: int = 6
    system: bool = False


class Say(vf.Taskset[SayTask, SayConfig]):
    def load(self):
        for number in range(self.config.count):
            system = "be brief" if self.config.system else None
            yield SayTask(Data(prompt=f"say {number}", system_prompt=system, answer=str(number)), self.config.task)


class AgainConfig(vf.EnvConfig):
    agent: vf.AgentConfig = vf.AgentConfig(max_turns=3)
    rater: vf.AgentConfig = vf.AgentConfig()


class Again(vf.Env[AgainConfig]):
    async def setup(self, agents):
        agents.rater.trainable = False

    async def run(self, task, agents):
        async with agents.agent.interaction(task) as chat:
            segment = await chat.turn()
            while not segment.terminated:
                segment = await chat.turn("again")

    async def finalize(self, task, episode):
        for trace in episode.traces:
            trace.record_reward("episode", 1.0)


__all__ = ["Again", "Say"]
