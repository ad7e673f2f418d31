import time

time.sleep(0.6)
VALUE = 5.0
