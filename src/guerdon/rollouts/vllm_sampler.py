"""Sampling by vLLM, where it is installed: the interface of ``sampler.py``, filled by an engine in this process.

Idea
    Before each use the engine is given the policy's present weights, adapters merged in, and forgets cached prefixes.
    Prompts and responses cross as token ids, one request per response with a seed of its own.
Reads
    ``HuggingFaceModel.merged_weights``.
Deviations
    The engine's kernels round differently, so its log-probs are near those of training and not equal; they are those
    of the distribution sampled from (temperature and truncation included). A response is repeatable from its seed on
    one engine version, but is not the one the local sampler draws. Only the fields of ``Sampling`` have an effect: the
    model's own generation defaults are ignored.
"""

import os
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from guerdon.errors import GuerdonError
from guerdon.policies.hugging_face import HuggingFaceModel
from guerdon.policies.language_model import LanguageModel
from guerdon.rollouts.sampler import Completion, Sampling

GPU_SHARE = 0.4
"""Part of the GPU's memory that the engine may use; the rest is for training."""

_ENGINES: WeakKeyDictionary[LanguageModel, Any] = WeakKeyDictionary()


class VLLMSampler:
    """Samples with vLLM. The engine is built once per policy and kept as long as the policy."""

    def __init__(self, policy: LanguageModel) -> None:
        """Build the engine if the policy has none yet.

        Raises:
            GuerdonError: if vLLM is missing or too old, or the policy is no ``HuggingFaceLM``.
        """
        if not isinstance(policy, HuggingFaceModel):
            raise GuerdonError(
                f"engine='vllm' needs a HuggingFaceLM policy, got {type(policy).__name__}; use engine='local'"
            )
        self.policy = policy
        if policy not in _ENGINES:
            _ENGINES[policy] = build_engine(policy)
        self.engine = _ENGINES[policy]

    def generate(self, prompts: Sequence[Tensor], repeats: int, seeds: Tensor, how: Sampling) -> list[Completion]:
        """See ``Sampler``."""
        from vllm import SamplingParams  # pyright: ignore[reportMissingImports]

        self._send_weights()
        requests = [{"prompt_token_ids": prompt.tolist()} for prompt in prompts for _ in range(repeats)]
        eos = self.policy.tokenizer.eos_id
        settings = [SamplingParams(**parameters(how, seed, eos)) for seed in seeds.tolist()]
        answers = self.engine.generate(requests, settings, use_tqdm=False)
        return [completion(answer.outputs[0], how, self.policy) for answer in answers]

    def _send_weights(self) -> None:
        with torch.no_grad():
            self.engine.apply_model(lambda model: model.load_weights(self.policy.merged_weights()))
        self.engine.reset_prefix_cache()


def build_engine(policy: HuggingFaceModel) -> Any:
    """A ``vllm.LLM`` of the policy's model.

    Raises:
        GuerdonError: if vLLM is missing or too old to give the log-probs of the distribution sampled from.
    """
    # In a process of its own the engine could not be given weights without copying them through a pipe.
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    try:
        from vllm import LLM  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise GuerdonError(
            "engine='vllm' needs the package vllm, which is not installed; pip install 'guerdon[vllm]' on a machine "
            "with a GPU, or use engine='local'"
        ) from None
    weight = policy.head()[0]
    try:
        return LLM(
            model=policy.tokenizer.name,
            dtype=str(weight.dtype).removeprefix("torch."),
            gpu_memory_utilization=GPU_SHARE,
            logprobs_mode="processed_logprobs",
            generation_config="vllm",
        )
    except TypeError as error:
        raise GuerdonError(f"engine='vllm' needs vllm 0.10.2 or newer, got one that refuses: {error}") from None


def parameters(how: Sampling, seed: int, eos: int) -> dict[str, Any]:
    """Arguments of ``vllm.SamplingParams`` for one response."""
    return {
        "n": 1,
        "temperature": how.temperature,
        "top_p": how.top_p,
        "top_k": how.top_k or -1,
        "max_tokens": how.max_tokens,
        "seed": seed,
        "stop": list(how.stop),
        "stop_token_ids": [eos],
        "logprobs": 0,  # of the sampled token alone
    }


def completion(output: Any, how: Sampling, policy: LanguageModel) -> Completion:
    """A ``vllm.CompletionOutput`` as a ``Completion``; the text is decoded as the local sampler decodes it."""
    ids = [int(token) for token in output.token_ids]
    rows = zip(output.logprobs, ids, strict=True)
    logprobs = [0.0 if how.temperature == 0 else row[token].logprob for row, token in rows]
    text = policy.tokenizer.decode(ids)
    for stop in how.stop:
        text = text.partition(stop)[0]
    return Completion(
        torch.tensor(ids, dtype=torch.int64), torch.tensor(logprobs), text, output.finish_reason == "length"
    )
