"""The C structures of ``sendmmsg`` and ``recvmmsg`` (recvmmsg(2), Linux)."""

from __future__ import annotations

import ctypes


class IoVec(ctypes.Structure):
    """``struct iovec``."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class MessageHeader(ctypes.Structure):
    """``struct msghdr``."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vectors", ctypes.c_void_p),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class MultiMessageHeader(ctypes.Structure):
    """``struct mmsghdr``: one message and how many octets of it were sent or received."""

    _fields_ = (("header", MessageHeader), ("length", ctypes.c_uint32))
