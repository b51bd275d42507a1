"""Commands for an app that runs, here or in Azure: score, enqueue, results, stats, watch, load."""
