"""What stands in for Azure on one machine: Azurite, Redis and a Service Bus emulator.

`python -m emulators up|down|status` runs them by hand; `Stack` runs them for a program.
"""

from emulators.errors import EmulatorError
from emulators.ports import Ports
from emulators.stack import Stack

__all__ = ["EmulatorError", "Ports", "Stack"]
