"""The part for asynchronous tests."""

from __future__ import annotations


def recorded_by_proxy_async(test):
    return test
