"""Runs Microsoft's own tests of azure-servicebus against the emulator.

    python -m tests.service_bus_live

The tests lie in the SDK's source distribution on PyPI (MIT licence). They are downloaded, never
committed. `replaced/` has what stands in for Microsoft's test tools, which make a namespace in
Azure: here each pytest process has an emulator of its own.
"""
