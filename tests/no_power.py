"""Root writes into folders that may only be read. A process that calls this cannot any more, nor what it executes."""

import ctypes
import struct

_DROP_FROM_BOUNDING_SET = 24
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1, 2
_VERSION_3 = 0x20080522


def obey_permissions():
    """For a forked child, before it executes anything: it obeys permissions as any other user. Not to be taken back."""
    libc = ctypes.CDLL(None)
    for capability in (_DAC_OVERRIDE, _DAC_READ_SEARCH):
        libc.prctl(_DROP_FROM_BOUNDING_SET, capability)
    libc.capset(struct.pack("Ii", _VERSION_3, 0), struct.pack("6I", 0, 0, 0, 0, 0, 0))
