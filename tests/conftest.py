import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from hypothesis import HealthCheck, settings

torch.set_num_threads(1)
common = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}  # torch's first call is slow
settings.register_profile("guerdon", max_examples=40, derandomize=True, database=None, **common)
settings.register_profile("explore", max_examples=400, **common)  # pytest --hypothesis-profile=explore
settings.load_profile("guerdon")
