"""The servers that are measured over HTTP."""
