import time

time.sleep(0.6)
import slower_module_for_test  # noqa: E402

VALUE = slower_module_for_test.VALUE
