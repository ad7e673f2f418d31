import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from jaxtyping import install_import_hook

# Shapes and dtypes of annotated functions are checked in tests, and only there; this has to come before the import.
install_import_hook(["guerdon.segment"], "shapes.checked")

import torch  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

torch.set_num_threads(1)
common = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}  # torch's first call is slow
settings.register_profile("guerdon", max_examples=40, derandomize=True, database=None, **common)
settings.register_profile("explore", max_examples=400, **common)  # pytest --hypothesis-profile=explore
settings.load_profile("guerdon")
