"""Text2Reward: Automated Dense Reward Function Generation for Reinforcement Learning (Xie et al., 2023).

Idea
    Show a language model the environment as typed classes and ask for one dense, staged reward; give its errors back
    until it runs, train, and let a person say what the robot does and what to improve.
Maths
    No learned quantity: ``r_t = compute_dense_reward(self, action)`` over read-only fields.
Reads
    A chat model, a runner, and, if wanted, a person (``programs/repair.py``).
Deviations
    Names are exchanged in the syntax tree, where the released code replaces text (longest names first), also in comments
    and strings. Methods such as ``check_grasp`` are fields here. The proxies' toy is a table seen from the side with plans
    by the cross-entropy method; the model is a script whose first reward is for reaching alone, and the person a function
    of the hidden success, so they test the loop. Their programs run in this process after the checks.
"""

from functools import cache

from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._proxy import compare
from guerdon.programs.chat import ScriptedChat
from guerdon.programs.program import Program, check
from guerdon.programs.repair import REPAIRS, Repaired, write
from guerdon.programs.search import Candidate, Diary, Trained
from guerdon.programs.static import renamed
from guerdon.programs.tabletop import INSTRUCTION, NAMES, SPEC, Tabletop

REACH = """def compute_dense_reward(self, action):
    gap = np.linalg.norm(self.robot.place - self.cube.place)
    parts = {"reach": -gap, "calm": -0.01 * np.linalg.norm(action)}
    return parts["reach"] + parts["calm"], parts
"""
WRONG = REACH.replace("self.cube.place", "self.cube.pose")
LIFT = """def compute_dense_reward(self, action):
    gap = np.linalg.norm(self.robot.place - self.cube.place)
    lift = 0.0
    if self.robot.grasped:
        lift = 1.0 + 2.0 * min(self.cube.place[1] / self.goal.height, 1.0)
    return lift - gap, {"reach": -gap, "lift": lift}
"""
EXPERT = """def compute_dense_reward(self, action):
    gap = np.linalg.norm(self.robot.place - self.cube.place)
    if not self.robot.grasped:
        return 1.0 - math.tanh(5.0 * gap)
    return 2.0 + 3.0 * min(self.cube.place[1] / self.goal.height, 1.0)
"""
SEEDS = (0, 1, 2, 3, 4)


def person(candidate: Candidate) -> tuple[str, str] | None:
    """Somebody who sees whether the cube is lifted."""
    lifted = candidate.trained is not None and candidate.trained.last > 0.5
    return None if lifted else ("It reaches the cube but does not lift it.", "Add a bonus for lifting it when grasped.")


def blocks(*programs: str) -> ScriptedChat:
    """A model that answers with these programs."""
    return ScriptedChat([f"```python\n{program}```" for program in programs])


@claim("self.cube becomes self.obj and self.cubeA self.objA, neither in texts nor inside of longer names")
def renames(seed: int) -> Evidence:
    got = renamed(
        "a = self.cube.p + self.cubeA + len('self.cube')", {"self.cube": "self.obj", "self.cubeA": "self.objA"}
    )
    return Evidence(float(got == "a = self.obj.p + self.objA + len('self.cube')\n"), 1.0, 1.0, note="1 if so")


@claim("An attribute that is not declared fails at stage dry_run, and the message names it")
def undeclared(seed: int) -> Evidence:
    verdict = check(renamed(WRONG, NAMES), SPEC, isolate=False)
    return Evidence(float(verdict.stage == "dry_run" and "obj.pose" in verdict.message), 1.0, 1.0, note="1 if so")


@claim("A program that stays wrong is sent back three times and then given up, without training")
def gives_up(seed: int) -> Evidence:
    def never(program: Program, seed: int) -> Trained:
        raise AssertionError("it was trained")

    chat = blocks(*[WRONG] * 9)
    found = write(chat, SPEC, never, INSTRUCTION, names=NAMES, feedback=person, diary=Diary(isolate=False))
    right = found.last.trained is None and len(found.attempts) == 1 and found.attempts[0].repairs == REPAIRS
    return Evidence(float(len(chat.calls) if right else 0), 4, 4, note="calls of the model")


@cache
def loop(seed: int) -> Repaired:
    """One mistake, one repair, one round of feedback."""
    chat, diary = blocks(WRONG, REACH, LIFT), Diary(isolate=False)
    return write(chat, SPEC, Tabletop(), INSTRUCTION, names=NAMES, feedback=person, rounds=1, seed=seed, diary=diary)


def success(number: int) -> list[float]:
    """Success with the first (0) or the last (-1) program of the loop, per seed."""
    attempts = [loop(seed).attempts[number].candidate.trained for seed in SEEDS]
    return [trained.last if trained is not None else 0.0 for trained in attempts]


@claim("A round of feedback makes a reward for reaching into one that lifts", tier="proxy")
def feedback_helps(seed: int) -> Evidence:
    return compare(success(-1), success(0), "success in lifting the cube")


@claim("The reward after feedback is as good as the one an expert wrote", tier="proxy")
def like_an_expert(seed: int) -> Evidence:
    expert = [Tabletop()(Program(renamed(EXPERT, NAMES), SPEC), number).last for number in SEEDS]
    return compare(success(-1), expert, "success in lifting the cube", margin=-0.1)


paper = Paper(
    title="Text2Reward: Automated Dense Reward Function Generation for Reinforcement Learning",
    arxiv="2309.11489",
    kind="method",
    source="code",
    claims=(renames, undeclared, gives_up, feedback_helps, like_an_expert),
    year=2023,
    authors="Xie, Zhao, Wu, Liu, Luo, Zhong, Yang, Yu",
)
