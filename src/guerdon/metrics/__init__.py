"""pass@k, calibration, support, interval estimates; and the numbers every step logs."""
