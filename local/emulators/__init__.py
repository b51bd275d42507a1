"""Redis, Azurite and a Service Bus emulator, in place of Azure's services.

`triscore emulators up|down|status` runs them from a terminal, `Stack` from a program.
"""

from local.emulators.errors import EmulatorError
from local.emulators.ports import Ports
from local.emulators.stack import Stack

__all__ = ["EmulatorError", "Ports", "Stack"]
