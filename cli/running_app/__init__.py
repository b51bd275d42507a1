"""Commands for an app that runs, here or in Azure: they know its address and a key, no more."""
