#!/usr/bin/env bash
# GSPO by guerdon's pieces inside verl, on one node with 8 GPUs; scored by guerdon's math
# reward. Further settings of verl may follow: bash examples/verl_gspo.sh trainer.total_epochs=1 ...
#
#   pip install 'guerdon[verl,math]' 'verl[vllm]'
#   python -m guerdon.plugins.verl          # says whether verl finds guerdon
#   PRINT=1 MODEL=m TRAIN=a TEST=b bash examples/verl_gspo.sh    # the settings alone
#   MODEL=Qwen/Qwen3-0.6B TRAIN=train.parquet TEST=test.parquet bash examples/verl_gspo.sh
set -euo pipefail
: "${MODEL:?a model}" "${TRAIN:?a parquet file in the layout of verl}" "${TEST:?another one}"

# The trainer seam: named rewards, turns, log-probs and sessions reach the recipe. Every process imports it.
export VERL_USE_EXTERNAL_MODULES=guerdon.plugins.verl_trainer

overrides=(
  trainer.v1.trainer_mode=guerdon_sync
  algorithm.adv_estimator=guerdon/gspo
  actor_rollout_ref.actor.policy_loss.loss_mode=guerdon/gspo
  actor_rollout_ref.actor.loss_agg_mode=seq-mean-token-mean
  reward.custom_reward_function.path=pkg://guerdon.plugins.verl_score
  reward.custom_reward_function.name=compute_score
  +reward.custom_reward_function.reward_kwargs.reward=math
  +reward.custom_reward_function.reward_kwargs.timeout=10
  +reward.custom_reward_function.reward_kwargs.workers=8
  critic.enable=false
  data.train_files="$TRAIN"
  data.val_files="$TEST"
  data.train_batch_size=256
  data.max_prompt_length=1024
  data.max_response_length=4096
  actor_rollout_ref.model.path="$MODEL"
  actor_rollout_ref.rollout.name=vllm
  actor_rollout_ref.rollout.n=8
  actor_rollout_ref.actor.ppo_mini_batch_size=64
  actor_rollout_ref.actor.use_dynamic_bsz=true
  actor_rollout_ref.actor.optim.lr=1e-6
  trainer.n_gpus_per_node=8
  trainer.total_epochs=3
)
if [ "${PRINT:-}" ]; then printf '%s\n' "${overrides[@]}" "$@"; exit; fi
python -m guerdon.plugins.verl
exec python -m verl.trainer.main_ppo "${overrides[@]}" "$@"
