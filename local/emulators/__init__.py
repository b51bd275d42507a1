"""What stands in for Azure on one machine: Azurite, Redis and a Service Bus emulator.

`python -m local.emulators up|down|status` runs them by hand; `Stack` runs them for a program.
"""

from local.emulators.errors import EmulatorError
from local.emulators.ports import Ports
from local.emulators.stack import Stack

__all__ = ["EmulatorError", "Ports", "Stack"]
