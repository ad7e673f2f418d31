"""A verifiers package whose task asks for what is not run in this process."""

import verifiers.v1 as vf


class NeedyTask(vf.Task[vf.TaskData]):
    @vf.reward
    async def files(self, trace, runtime) -> float:
        return 1.0


class Needy(vf.Taskset[NeedyTask]):
    INFINITE = True

    def load(self):
        while True:
            yield NeedyTask(vf.TaskData(prompt="look"), self.config.task)


__all__ = ["Needy"]
