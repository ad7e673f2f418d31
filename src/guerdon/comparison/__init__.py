"""Methods side by side: the same tasks, steps and seeds, in parallel, with intervals and a verdict."""
