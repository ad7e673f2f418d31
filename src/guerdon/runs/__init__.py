"""The run folder, resume, progress, report, logs of other tools."""

from guerdon.runs.folder import RunFolder as RunFolder
from guerdon.runs.progress import Progress as Progress
from guerdon.runs.reading import Run as Run
from guerdon.runs.reading import read_batch as read_batch
from guerdon.runs.reading import read_run as read_run
from guerdon.runs.report import write_report as write_report
from guerdon.runs.resume import resume as resume
from guerdon.runs.tensorboard_log import TensorBoard as TensorBoard
from guerdon.runs.wandb_log import WandB as WandB
