"""A recipe of guerdon inside TRL's GRPO trainer: a tiny language model learns to say the digit it was shown.

    pip install 'guerdon[trl]'
    python examples/trl_grpo.py --out runs/trl

Everything is made here, so nothing is downloaded; `--model NAME` trains a model of the Hub instead. The same recipe is one
line away from TRL's own loss: `--loss trl`.
"""

import argparse
import warnings
from pathlib import Path

from datasets import Dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import GRPOConfig

from guerdon import Objective, Recipe, pieces
from guerdon.plugins import trl as guerdon_trl

RECIPE = Recipe(
    # Named components: a rule of guerdon, and one that looks at lengths. TRL's reward functions come beside them.
    rewards=(pieces.Scored(pieces.Exact()), pieces.OverlongPenalty(4, 2)),
    shaping=(pieces.WeightedSum({"overlong": 0.2, "digits": 0.2}),),
    # Against the prompt's other responses; what was cut off counts in the baseline and is not trained.
    advantage=(pieces.Standardize(center="leave_one_out", scale="none"), pieces.MaskWhere("traj.truncated")),
    objective=Objective(pieces.PPOClip(clip_low=0.2, clip_high=0.28, dual_clip=None), pieces.TokenMean()),
)


def digits(completions: list[str], **columns: object) -> list[float]:
    """A reward function as TRL's users write them: the share of characters that are digits."""
    return [sum(sign.isdigit() for sign in text) / max(len(text), 1) for text in completions]


def tiny() -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """A Llama of two narrow layers with random weights, and a token per character."""
    vocabulary = {token: number for number, token in enumerate(["<pad>", "<eos>", "<unk>", *"0123456789abcde="])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer, inner.decoder = pre_tokenizers.Split("", "isolated"), decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", eos_token="<eos>", model_input_names=["input_ids", "attention_mask"]
    )
    shape = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    ids = {"pad_token_id": 0, "eos_token_id": 1, "bos_token_id": None}
    return LlamaForCausalLM(LlamaConfig(vocab_size=len(vocabulary), **shape, **ids)), tokenizer


def main() -> None:
    """Train and print the rewards on the way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/trl"), help="folder of the run")
    parser.add_argument(
        "--model", help="a causal language model of the Hub, or a folder; without it a tiny one is made"
    )
    parser.add_argument("--loss", choices=("recipe", "trl"), default="recipe", help="whose loss is minimised")
    parser.add_argument("--steps", type=int, default=150, help="optimizer steps")
    options = parser.parse_args()
    if options.model:
        model = AutoModelForCausalLM.from_pretrained(options.model)
        tokenizer = AutoTokenizer.from_pretrained(options.model)
    else:
        model, tokenizer = tiny()
    rows = [
        {"prompt": f"{'abcde'[number % 5]}{digit}=", "answer": str(digit)}
        for number in range(20)
        for digit in range(10)
    ]
    trainer = guerdon_trl.RecipeTrainer(
        model=model,
        recipe=RECIPE,
        loss=options.loss,
        reward_funcs=[digits],
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        args=GRPOConfig(
            output_dir=str(options.out),
            per_device_train_batch_size=64,
            steps_per_generation=2,  # two optimizer steps per 128 responses, so the clipping has something to do
            num_generations=8,
            max_completion_length=4,
            max_steps=options.steps,
            learning_rate=3e-3 if options.model is None else 1e-6,
            logging_steps=options.steps // 6,
            save_strategy="no",
            report_to="none",
            bf16=False,
            disable_tqdm=True,
        ),
    )
    trainer.train()
    print("step  reward  correct  digits  overlong  truncated  entropy")
    for entry in trainer.state.log_history:
        if "reward" in entry:
            names = ("reward", "rewards/correct/mean", "rewards/digits/mean", "rewards/overlong/mean")
            numbers = [entry[name] for name in (*names, "guerdon/truncated", "entropy")]
            print(f"{entry['step']:4d}  " + "  ".join(f"{number:7.3f}" for number in numbers))


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        main()
