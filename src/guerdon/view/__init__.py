"""Looking at runs: an index over their stored rollouts, a server on loopback, and one file that opens offline."""
