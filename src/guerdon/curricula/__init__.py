"""Which data next: order, filters, difficulty control, bandits over sources."""
