"""Language Models that Think, Chat Better.

Idea
    Let a chat model think before it answers, and train it online against a preference model that sees the answer alone.
Maths
    Output ``<think> z </think> y``: ``R = r_RM(x, y)``, a fixed penalty where the output is malformed. GRPO with 8
    responses and a small k3 penalty; or PPO; or DPO on the best and the worst of fresh samples.
Reads
    ``traj.response``, the reward model's columns, ``action.logprob``, ``action.old_logprob``, ``action.ref_logprob``.
Deviations
    Recalled: the penalty (0 here), the KL weight 0.001, the numbers of samples. The reward model is a piece, ``Verifier``
    in these recipes; ``Function`` around a preference model takes its place. The baseline is the same without thinking.
    The toy's policy has to have learned to plan: after 300 supervised steps two of three seeds had not, and the gain was
    0.27 (95% interval -0.95 .. 1.49); the proxy takes 700.
"""

import dataclasses

import torch

from guerdon.advantages.gae import GAE
from guerdon.advantages.rank import RankByReward
from guerdon.advantages.standardize import Standardize
from guerdon.advantages.whiten import Whiten
from guerdon.credit.last_action import LastAction
from guerdon.curricula.best_and_worst import BestAndWorst
from guerdon.objective import Objective
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.preference import PairwisePreference
from guerdon.objectives.value_clip import ValueClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._lm import Look, on_lm, pass_at, warm
from guerdon.papers._proxy import compare, finals
from guerdon.piece import Transform
from guerdon.recipe import Recipe
from guerdon.rewards.final_answer import FinalAnswer
from guerdon.rewards.function import Function
from guerdon.rewards.guard import Guard
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.tasks.worked_sum import WorkedSum
from guerdon.update import Update


def compose(reward: Transform, kl: float = 0.001) -> Recipe:
    """GRPO against a reward model."""
    return Recipe(
        rollout=Sample(samples_per_prompt=8),
        rewards=(reward,),
        advantage=(Standardize(),),
        objective=Objective(PPOClip(), regularizers=(KLPenalty(kl),) if kl else ()),
        update=Update(minibatches=2),
    )


JUDGE = Verifier(guard=Guard(isolate=False))
RECIPE, RLHF = compose(FinalAnswer(Verifier())), compose(Verifier())
PPO = dataclasses.replace(
    RECIPE,
    credit=(LastAction(),),
    advantage=(GAE(), Whiten()),
    objective=Objective(PPOClip(), regularizers=(KLPenalty(0.001), ValueClip())),
)
DPO = Recipe(
    rollout=Sample(samples_per_prompt=8),
    rewards=(FinalAnswer(Verifier()),),
    filters=(BestAndWorst(),),
    advantage=(RankByReward(),),
    objective=Objective(PairwisePreference()),
)


@claim("A scorer that counts characters gives '<think>a b c</think> hi' 2, without or with doubled tags the gate")
def unseen(seed: int) -> Evidence:
    responses = ["<think>a b c</think> hi", "hi", "<think>a</think>b</think> hi", "<think>a</think>"]
    scorer = Function("guerdon.papers._lm:characters", name="score", guard=Guard(isolate=False))
    columns = {"traj.response": responses, "group.prompt": [""], "group.problem": [""]}
    batch = ragged([[0.0] * 4], columns=columns)
    got = torch.as_tensor(FinalAnswer(scorer, gate=-1.0)(batch)["traj.reward/score"])
    return Evidence(float((got - torch.tensor([2.0, -1.0, -1.0, -1.0])).abs().max()), 0.0, 0.0, note="largest error")


THINKING, PLAIN = (WorkedSum(styles={style: 1.0}) for style in ("<think>{chain}</think>:{answer}", ":{answer}"))
"""Sums with the plan written before the answer, and the same without; the answers are equally long."""


@claim("After equal training, answers that follow thinking please the judge of answers more", tier="proxy")
def thinking_helps(seed: int) -> Evidence:
    values = []
    for task, reward, budget in ((THINKING, FinalAnswer(JUDGE), 16), (PLAIN, JUDGE, 4)):
        recipe = on_lm(compose(reward, kl=0.0), task, max_tokens=budget)
        values.append(finals(recipe, 60, pass_at(1, Look(max_tokens=budget)), (0, 1, 2), start=warm(700)))
    return compare(values[0], values[1], "held-out score after 60 steps")


paper = Paper(
    title="Language Models that Think, Chat Better",
    arxiv="2509.20357",
    kind="method",
    source="recalled",
    year=2025,
    recipe=RECIPE,
    compositions={"rlhf": RLHF, "ppo": PPO, "dpo": DPO},
    claims=(unseen, thinking_helps),
)
